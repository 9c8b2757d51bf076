#include "reverse_proxy/config/manual.hpp"

#include "config/command_options.hpp"
#include "config/setting_text.hpp"
#include "config/settings_table.hpp"
#include "reverse_proxy/config/command_line.hpp"

#include <algorithm>
#include <string_view>

namespace reverse_proxy::config {

namespace {

constexpr std::string_view kDescription = R"(.SH DESCRIPTION
An HTTP/1.1 reverse proxy. It has no configuration file: everything is set by environment
variables, which are read once, at start. As a service it takes them from
.IR /etc/default/reverse\-proxy .
.PP
Nothing starts with a bad configuration; every mistake is told in one run. A variable that begins
with
.B REVERSE_PROXY_
and is not known is a mistake, too.
.SH OPTIONS
)";

constexpr std::string_view kEnvironment = R"(.SH ENVIRONMENT
Empty means unset. Lists are separated by commas. Times and sizes are plain numbers in the unit
named. A status code in brackets is what the client gets where the limit is reached. A secret's
variable with
.B _FILE
behind its name takes the path of a file that holds the secret.
)";

constexpr std::string_view kEnd = R"(.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
Drain: turn
.I /readyz
to 503, finish the requests in work, exit. The same again: stop at once.
.SH NOTES
Under systemd the daemon is a service of
.BR Type=notify :
it tells when it is ready and when it stops, and answers the watchdog as long as every worker does.
.SH FILES
.TP
.I /etc/default/reverse\-proxy
The environment of the service, one
.I NAME=value
a line.
.SH EXAMPLES
.nf
REVERSE_PROXY_UPSTREAMS=http://127.0.0.1:9000 reverse\-proxy
reverse\-proxy \-\-demo
.fi
.SH SEE ALSO
.BR systemd.exec (5),
.BR curl (1)
)";

/// Text of ours as roff takes it: what it would read as markup is escaped.
std::string escaped(std::string_view text) {
    std::string out;
    for (char const c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if (c == '^')
            out += "\\(ha";
        else if (c == '\'' || c == '.')  // a control line where a line begins with them
            out += std::string{"\\&"} + c;
        else
            out += c;
    }
    return out;
}

std::string bold(std::string_view text) {
    return ".B " + escaped(text) + '\n';
}

}  // namespace

std::string manual_page() {
    std::string out = R"(.TH REVERSE\-PROXY 8 "" "reverse\-proxy )" + std::string{version()} +
                      R"(" "System Administration")"
                      "\n.SH NAME\nreverse\\-proxy \\- asynchronous HTTP reverse proxy\n"
                      ".SH SYNOPSIS\n.B reverse\\-proxy\n"
                      "[\\-\\-check\\-config | \\-\\-print\\-config | \\-\\-healthcheck] "
                      "[\\-\\-demo]\n";
    out += kDescription;
    for (auto const& option : kCommandOptions)
        out += ".TP\n" + bold(option.flags) + escaped(option.help) + '\n';

    out += kEnvironment;
    std::string_view group;
    for (auto const& setting : settings_table()) {
        if (setting.group != group) {
            group = setting.group;
            out += ".SS " + escaped(group) + '\n';
        }
        out += ".TP\n" + bold(setting.full_name()) + escaped(setting.help) + "\n.br\n" +
               escaped(default_and_range(setting)) + '\n';
    }

    out += ".SH EXIT STATUS\n";
    for (auto const& [number, meaning] : kExitCodes)
        out += ".TP\n" + bold(std::to_string(number)) + escaped(meaning) + '\n';
    out += kEnd;
    return out;
}

std::string bash_completion() {
    std::string flags;
    for (auto const& option : kCommandOptions)
        flags += (flags.empty() ? "" : ",") + std::string{option.flags};
    std::replace(flags.begin(), flags.end(), ',', ' ');
    return "# bash completion for reverse-proxy(8)\n"
           "complete -W \"" +
           flags + "\" reverse-proxy\n";
}

}  // namespace reverse_proxy::config
