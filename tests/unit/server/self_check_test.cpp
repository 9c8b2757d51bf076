#include "reverse_proxy/server/self_check.hpp"

#include <gtest/gtest.h>

using namespace reverse_proxy;
using config::ListenAddress;

TEST(SelfCheck, AsksWhereTheDaemonAnswers) {
    struct Case {
        std::vector<ListenAddress> listen;
        std::vector<ListenAddress> admin;
        std::string asked;
    };
    Case const cases[] = {
        {{{"0.0.0.0", 8000, ""}}, {}, "127.0.0.1:8000"},
        {{{"::", 8000, ""}}, {}, "[::1]:8000"},
        {{{"192.0.2.1", 80, ""}}, {}, "192.0.2.1:80"},
        {{{"proxy.test", 80, ""}}, {}, "proxy.test:80"},
        {{{"0.0.0.0", 8000, ""}, {"0.0.0.0", 8001, ""}}, {}, "127.0.0.1:8000"},
        {{{"0.0.0.0", 8000, ""}}, {{"0.0.0.0", 9901, ""}}, "127.0.0.1:9901"},
        {{{"0.0.0.0", 8000, ""}}, {{"", 0, "/run/admin"}, {"::1", 1, ""}}, "unix:/run/admin"},
    };
    for (auto const& c : cases) {
        config::ListenerSettings settings;
        settings.listen = c.listen;
        settings.admin_listen = c.admin;
        EXPECT_EQ(server::own_health_address(settings).text(), c.asked);
    }
}
