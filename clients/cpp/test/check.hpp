// What the tests are written with: CHECK, names that are removed again, and child processes.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <tickring/tickring.hpp>

// CHECK ends the program with the place and the text of a condition that does not hold.
#define CHECK(...) ((__VA_ARGS__) ? void() : check::failed(__FILE__, __LINE__, #__VA_ARGS__))

// FAILS makes sure that an expression throws a failure with a code, and returns its text.
#define FAILS(CODE, ...) check::fails(__FILE__, __LINE__, #__VA_ARGS__, CODE, [&] { (void)(__VA_ARGS__); })

namespace check {

[[noreturn]] void failed(const char* file, int line, const std::string& what);

template <class Code, class Call>
std::string fails(const char* file, int line, const char* text, Code code, Call call) {
    try {
        call();
    } catch (const tickring::failure& e) {
        if (e.code() != code) {
            failed(file, line, std::string(text) + " throws: " + e.what());
        }
        return e.what();
    }
    failed(file, line, std::string(text) + " does not throw");
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// What there is in /dev/shm whose name begins with a text.
inline std::vector<std::string> objects(const std::string& prefix) {
    std::vector<std::string> found;
    DIR* dir = ::opendir("/dev/shm");
    while (const dirent* entry = ::readdir(dir)) {
        if (std::strncmp(entry->d_name, prefix.c_str(), prefix.size()) == 0) {
            found.emplace_back(entry->d_name);
        }
    }
    ::closedir(dir);
    return found;
}

inline void remove(const std::string& prefix) {
    for (const std::string& object : objects(prefix)) {
        std::remove(("/dev/shm/" + object).c_str());
    }
}

inline const pid_t tester = ::getpid();

inline std::string own_prefix() { return "tickring-test-" + std::to_string(tester) + "-"; }

// A unique name in /dev/shm. Everything that begins with it is removed at its end.
class name {
public:
    name() : text_("/" + own_prefix() + std::to_string(count()++)) {}
    name(const name&) = delete;
    ~name() { remove(text_.substr(1)); }
    operator const std::string&() const { return text_; }
    std::string path() const { return "/dev/shm" + text_; }

    // What there is in /dev/shm under this name, or one that begins with it.
    std::vector<std::string> objects() const { return check::objects(text_.substr(1)); }

private:
    static int& count() {
        static int n = 100;  // all of one length, so that none begins with another
        return n;
    }
    std::string text_;
};

[[noreturn]] inline void failed(const char* file, int line, const std::string& what) {
    std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
    if (::getpid() == tester) {
        remove(own_prefix());
    }
    std::_Exit(1);
}

// A child process that runs body, and two pipes: say() writes a line that the child reads, line() reads one of its.
class child {
public:
    template <class Body>
    explicit child(Body body) {
        int down[2], up[2];
        CHECK(::pipe2(down, O_CLOEXEC) == 0 && ::pipe2(up, O_CLOEXEC) == 0);
        pid_ = ::fork();
        CHECK(pid_ >= 0);
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that fails leaves nobody behind
            ::close(down[1]), ::close(up[0]);
            in_ = ::fdopen(down[0], "r");
            out_ = ::fdopen(up[1], "w");
            try {
                body(*this);
            } catch (const std::exception& e) {
                std::fprintf(stderr, "child: %s\n", e.what());
                std::_Exit(1);
            }
            std::_Exit(0);
        }
        ::close(down[0]), ::close(up[1]);
        in_ = ::fdopen(up[0], "r");
        out_ = ::fdopen(down[1], "w");
    }
    child(const child&) = delete;
    ~child() {
        if (pid_ > 0) {
            kill();
        }
    }

    void say(const std::string& text) {
        std::fprintf(out_, "%s\n", text.c_str());
        std::fflush(out_);
    }

    // Empty at the end of the input.
    std::string line() {
        char text[512] = "";
        if (std::fgets(text, sizeof text, in_) == nullptr) {
            return "";
        }
        text[std::strcspn(text, "\n")] = '\0';
        return text;
    }

    // In the child: what it reads and writes is its standard input and output, for a program that it becomes.
    void become_standard() {
        CHECK(::dup2(::fileno(in_), 0) == 0 && ::dup2(::fileno(out_), 1) == 1);
    }

    void kill() {
        ::kill(pid_, SIGKILL);
        (void)wait();
    }

    // The exit status; 128 and the signal's number if one ended it.
    int wait() {
        int status = 0;
        CHECK(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
        std::fclose(in_), std::fclose(out_);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    pid_t pid_;
    FILE* in_;
    FILE* out_;
};

// The tests of a program, in order.
struct test {
    const char* title;
    void (*body)();
};

inline int run(std::initializer_list<test> tests) {
    for (const test& t : tests) {
        std::printf("%s\n", t.title);
        std::fflush(stdout);
        t.body();
    }
    return 0;
}

}  // namespace check

// Records of the tests, in which every field tells the record's number.

struct Quote {
    double bid, ask;
    std::uint32_t sizes[2];
    std::uint64_t sequence;
    std::uint8_t venue;
};
TICKRING_RECORD(Quote, bid, ask, sizes, sequence, venue);

struct Large {
    std::uint64_t words[64];
};
TICKRING_RECORD(Large, words);

namespace check {

inline tickring::TradingData trade(std::uint64_t n) {
    return {static_cast<double>(n), n * 0x9e3779b97f4a7c15, static_cast<std::int32_t>(n), n % 2 == 1};
}

inline Large large(std::uint64_t n) {
    Large l;
    for (std::uint64_t i = 0; i < 64; ++i) {
        l.words[i] = n * 0x9e3779b97f4a7c15 + i;
    }
    return l;
}

inline bool same(const tickring::TradingData& a, const tickring::TradingData& b) { return a == b; }
inline bool same(const Large& a, const Large& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace check
