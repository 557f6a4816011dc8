// A C++ client that does what it is told, a line at a time: "create NAME", "attach NAME", "takeover NAME", "limit RESOURCE N" (or
// "none"), "become UID" for good. It answers "ok", or with the category and number of the error, and its text.
#include <grp.h>
#include <sys/resource.h>

#include <iostream>
#include <string>

#include <tickring/tickring.hpp>

static void act(const std::string& what, const std::string& name) {
    if (what == "create") {
        tickring::segment_options o;
        o.doorbell = true;
        tickring::segment::create<tickring::TradingData>(name, 1024, o);
    } else if (what == "attach") {
        tickring::segment::attach(name);
    } else {
        tickring::segment::take_over(name);
    }
}

int main() {
    std::string what, name;
    while (std::cin >> what >> name) {
        if (what == "limit") {
            rlimit limit{};
            const auto resource = static_cast<__rlimit_resource>(std::stoi(name));
            std::string n;
            std::cin >> n;
            ::getrlimit(resource, &limit);
            limit.rlim_cur = n == "none" ? limit.rlim_max : std::stoull(n);
            std::cout << (::setrlimit(resource, &limit) == 0 ? "ok" : "error") << std::endl;
            continue;
        }
        if (what == "become") {
            const auto user = static_cast<uid_t>(std::stoul(name));
            const bool done = ::setgroups(0, nullptr) == 0 && ::setgid(user) == 0 && ::setuid(user) == 0;
            std::cout << (done ? "ok" : "error") << std::endl;
            continue;
        }
        try {
            act(what, name);
            std::cout << "ok" << std::endl;
        } catch (const tickring::failure& e) {
            std::cout << e.code().category().name() << ' ' << e.code().value() << ' ' << e.what() << std::endl;
        }
    }
}
