#include "tests/support/os.hpp"
#include "tests/support/socket.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <windows.h>

using reverse_proxy::test_support::Socket;
namespace os = reverse_proxy::test_support::os;

namespace {

constexpr DWORD kBoundMilliseconds = 20'000;

/// The daemon with its two demonstration origins, alone on a console that nobody sees. What it
/// writes goes to a file.
class Daemon {
public:
    explicit Daemon(std::uint16_t port) {
        SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
        HANDLE const written =
            ::CreateFileA(log_.string().c_str(), GENERIC_WRITE, FILE_SHARE_READ, &inherited,
                          CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
        EXPECT_NE(written, INVALID_HANDLE_VALUE) << ::GetLastError();
        STARTUPINFOA start{};
        start.cb = sizeof start;
        start.dwFlags = STARTF_USESTDHANDLES;
        start.hStdOutput = start.hStdError = written;
        ::SetEnvironmentVariableA("REVERSE_PROXY_LISTEN",
                                  ("127.0.0.1:" + std::to_string(port)).c_str());
        std::string command = "reverse-proxy --demo";
        EXPECT_NE(::CreateProcessA(REVERSE_PROXY_BINARY, command.data(), nullptr, nullptr, TRUE,
                                   CREATE_NO_WINDOW, nullptr, nullptr, &start, &process_),
                  0)
            << ::GetLastError();
        ::CloseHandle(written);
    }
    Daemon(Daemon const&) = delete;
    Daemon& operator=(Daemon const&) = delete;
    ~Daemon() {
        ::TerminateProcess(process_.hProcess, 1);
        ::CloseHandle(process_.hThread);
        ::CloseHandle(process_.hProcess);
        std::error_code ignored;  // the console's own process may hold the file for a moment
        std::filesystem::remove_all(log_.parent_path(), ignored);
    }

    /// As the keys do it: for all processes of the console. This one joins it, and stays alive.
    void press_ctrl_c() const {
        ::FreeConsole();
        ASSERT_NE(::AttachConsole(process_.dwProcessId), 0) << ::GetLastError();
        ::SetConsoleCtrlHandler(nullptr, TRUE);
        EXPECT_NE(::GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0), 0) << ::GetLastError();
    }

    [[nodiscard]] bool alive() const {
        return ::WaitForSingleObject(process_.hProcess, 0) == WAIT_TIMEOUT;
    }

    /// Its exit code, once it has ended.
    [[nodiscard]] DWORD exit_code() const {
        EXPECT_EQ(::WaitForSingleObject(process_.hProcess, kBoundMilliseconds), WAIT_OBJECT_0);
        DWORD code = 0;
        ::GetExitCodeProcess(process_.hProcess, &code);
        return code;
    }

    /// What it has written so far.
    [[nodiscard]] std::string output() const {
        std::ifstream file{log_};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

private:
    PROCESS_INFORMATION process_{};
    std::filesystem::path log_{os::new_folder() / "log"};
};

std::uint16_t free_port() {
    return Socket::listen_tcp("127.0.0.1", 0).local_port();
}

}  // namespace

TEST(Console, CtrlCDrains) {
    Daemon const daemon{free_port()};
    while (daemon.alive() && daemon.output().find(" serving") == std::string::npos)
        ::Sleep(20);
    daemon.press_ctrl_c();
    EXPECT_EQ(daemon.exit_code(), 0U);
    std::string const output = daemon.output();
    EXPECT_NE(output.find(" draining "), std::string::npos) << output;
    EXPECT_NE(output.find(" stopped cut=0"), std::string::npos) << output;
}
