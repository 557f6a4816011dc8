// Segments in /dev/shm: making, opening, taking over, removing, and what each refuses.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <cstdarg>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <thread>

#include "check.hpp"

using namespace tickring;
using check::trade;

namespace {

// What happens right before the next lock is taken, and before the next storage is reserved.
std::function<void()> before_lock, before_reserve;

void once(std::function<void()>& what) {
    if (const auto now = std::exchange(what, nullptr)) {
        now();
    }
}

}  // namespace

// In the place of the C library's.
extern "C" int fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    void* const argument = va_arg(rest, void*);
    va_end(rest);
    if (command == F_OFD_SETLK) {
        once(before_lock);
    }
    return static_cast<int>(::syscall(SYS_fcntl, fd, command, argument));
}

extern "C" int fallocate(int fd, int mode, off_t offset, off_t length) {
    once(before_reserve);
    return static_cast<int>(::syscall(SYS_fallocate, fd, mode, offset, length));
}

namespace {

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

mode_t mode_of(const std::string& path) {
    struct stat s {};
    CHECK(::lstat(path.c_str(), &s) == 0);
    return s.st_mode & 0777;
}

// Lines of /proc/self/maps that name an object.
std::string maps_of(const std::string& object) {
    std::ifstream in("/proc/self/maps");
    std::string found;
    for (std::string line; std::getline(in, line);) {
        found += detail::ends_in(line, object) ? line + "\n" : "";
    }
    return found;
}

void create_attach_unlink() {
    for (const bool doorbell : {false, true}) {
        const check::name name;
        segment s = segment::create<TradingData>(name, 16, {0600, doorbell, ""});
        CHECK(s.name() == std::string(name) && s.writable() && s.created() && s.has_doorbell() == doorbell);
        CHECK(mode_of(name.path()) == 0600 && name.objects().size() == (doorbell ? 2 : 1));
        segment r = segment::attach(std::string(name).substr(1));  // with or without a slash
        CHECK(r.name() == s.name() && !r.writable() && !r.created() && r.has_doorbell() == doorbell);
        CHECK(check::contains(maps_of(name.path()), " r--s ") && r.shape().created == s.shape().created);
        segment_status st = r.status();
        CHECK(st.state == layout::state_created && st.alive && st.pid == static_cast<std::uint64_t>(::getpid()));
        {
            writer<TradingData> w(s);
            w.publish(trade(0));
            w.heartbeat();
            reader<TradingData> reader(r);
            TradingData t;
            CHECK(reader.poll(t) && check::same(t, trade(0)));
            FAILS(error::read_only, writer<TradingData>(r));
            w.close();
        }
        st = r.status();
        CHECK(st.state == layout::state_closed && st.head == 1 && st.epoch == 1 && st.oldest == 0 && st.heartbeat > 0);
        s.close();
        s.close();
        FAILS(error::geometry, writer<TradingData>(s));
        CHECK(!r.writer_alive() && !r.status().alive);
        segment::unlink(name);
        CHECK(name.objects().empty() && r.live(layout::head_offset) == 1);  // who has it mapped keeps it
        FAILS(std::errc::no_such_file_or_directory, segment::attach(name));
        FAILS(std::errc::no_such_file_or_directory, segment::unlink(name));
    }
}

void what_it_says() {
    const check::name name;
    std::string text = FAILS(std::errc::no_such_file_or_directory, segment::attach(name));
    CHECK(text == "tickring: attach " + std::string(name) +
                      ": No such file or directory: nothing has this name: is the writer running?");
    segment s = segment::create<TradingData>(name, 16);
    const std::string before = read_file(name.path());
    text = FAILS(std::errc::file_exists, segment::create<Quote>(name, 64));
    CHECK(check::contains(text, "create") && check::contains(text, "take it over"));
    text = FAILS(error::writer_exists, segment::take_over(name));
    CHECK(check::contains(text, "process " + std::to_string(::getpid())));
    FAILS(std::errc::device_or_resource_busy, segment::create_or_take_over<TradingData>(name, 16));
    CHECK(read_file(name.path()) == before);
    FAILS(error::schema, writer<Quote>(s));
    FAILS(error::no_doorbell, reader<TradingData>(s, {{}, {}, wait_policy::block()}));
    FAILS(std::errc::invalid_argument, segment::create<Quote>("/tickring-test-mode", 16, {0700, false, ""}));
    FAILS(std::errc::no_space_on_device, segment::create<Quote>(check::name(), std::uint64_t{1} << 40));
    CHECK(name.objects().size() == 1);
}

void modes() {
    for (const mode_t umask : {0u, 022u, 0777u}) {
        const mode_t before = ::umask(umask);
        for (const mode_t mode : {0600u, 0644u, 0666u}) {
            const check::name name;
            const segment s = segment::create<Quote>(name, 16, {mode, true, ""});
            CHECK(mode_of(name.path()) == mode);
            CHECK(mode_of(detail::doorbell_path(name.path(), s.shape().created)) == 0600);
        }
        ::umask(before);
    }
}

void names() {
    const std::string longest(200, 'n');
    for (const auto& [name, path] : {std::pair<std::string, std::string>{"/trading_data", "/dev/shm/trading_data"},
                                     {"trading_data", "/dev/shm/trading_data"},
                                     {"...", "/dev/shm/..."},
                                     {"~!$%&*?[]{}\\", "/dev/shm/~!$%&*?[]{}\\"},
                                     {"/" + longest, "/dev/shm/" + longest}}) {
        CHECK(detail::object_path(name) == path && detail::shm_dir + detail::canonical(name) == path);
    }
    using namespace std::string_literals;
    for (const std::string& name : {""s, "/"s, "//"s, "."s, "/.."s, "../x"s, "/a/b"s, "a/"s, longest + "n", "a b"s,
                                    "a\0b"s, "a\x1b[2J"s, "gr\xc3\xb6\xc3\x9f"s, "/x.bell"s}) {
        const std::string text = FAILS(error::name, segment::attach(name));
        CHECK(check::contains(text, "use one like /trading_data"));
        for (const char c : text) {
            CHECK(c >= ' ' && c <= '~');  // nothing that steers a terminal
        }
        FAILS(error::name, segment::create<Quote>(name, 16));
        FAILS(error::name, segment::take_over(name));
        FAILS(std::errc::invalid_argument, segment::unlink(name));
    }
}

// What lies under a name and is no segment is refused, and not touched.
void other_objects() {
    const auto refused = [](const check::name& name, auto code) {
        FAILS(code, segment::attach(name));
        FAILS(code, segment::take_over(name));
        FAILS(std::errc::file_exists, segment::create<Quote>(name, 16));
    };
    {
        const check::name name;
        ::mkdir(name.path().c_str(), 0700);
        refused(name, error::not_regular);
        ::rmdir(name.path().c_str());
    }
    {
        const check::name name;
        ::mkfifo(name.path().c_str(), 0600);
        refused(name, error::not_regular);
    }
    {
        const check::name name;
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.path().copy(address.sun_path, sizeof address.sun_path - 1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        refused(name, error::not_regular);
        ::close(fd);
    }
    {
        const check::name name, target;
        const segment s = segment::create<Quote>(target, 16);
        CHECK(::symlink(target.path().c_str(), name.path().c_str()) == 0);
        refused(name, std::errc::too_many_symbolic_link_levels);
    }
    for (const auto& [size, code] : {std::pair<std::size_t, error>{0, error::truncated},
                                     {24, error::bare},
                                     {71, error::truncated},
                                     {100, error::magic},
                                     {4096, error::magic}}) {
        const check::name name;
        write_file(name.path(), std::string(size, '\0'));
        refused(name, code);
        if (code != error::bare) {
            FAILS(error::not_bare, segment::attach_bare(name));
        }
        CHECK(read_file(name.path()) == std::string(size, '\0'));
    }
}

void truncated_and_damaged() {
    const check::name name;
    segment::create<TradingData>(name, 64).close();
    const std::string whole = read_file(name.path());
    for (const std::size_t size : {64u, 80u, 191u, 640u, 700u, 4095u, 4096u, 6143u}) {
        write_file(name.path(), whole.substr(0, size));
        FAILS(error::truncated, segment::attach(name));
        FAILS(error::truncated, segment::take_over(name));
    }
    std::string damaged = whole;
    damaged[100] ^= 1;
    write_file(name.path(), damaged);
    CHECK(check::contains(FAILS(error::checksum, segment::attach(name)), "remove it and create it anew"));
    segment::unlink(name);
    CHECK(name.objects().empty());
}

void takeover() {
    const check::name name;
    TradingData t;
    std::optional<segment> s = segment::create_or_take_over<TradingData>(name, 16, {0600, true, ""});
    segment attached = segment::attach(name);
    reader<TradingData> r(attached, {position::at(0), {}, {}});
    for (std::uint64_t epoch = 1; epoch < 5; ++epoch) {
        writer<TradingData> w(*s);
        CHECK(w.head() == 3 * (epoch - 1));
        for (int i = 0; i < 3; ++i) {
            w.publish(trade(w.head()));
        }
        if (epoch > 1) {
            const result event = r.poll(t);
            CHECK(event.status == status::restarted || event);
        }
        while (r.poll(t).status != status::empty) {
        }
        CHECK(r.epoch() == epoch && r.position() == 3 * epoch && r.missed() == 0);
        s.reset();
        CHECK(r.next(t, std::chrono::seconds(10)).status == status::dead);
        s = segment::create_or_take_over<TradingData>(name, 1024);
        CHECK(!s->created() && s->shape().slots == 16 && s->has_doorbell());
    }
}

// Between the look at the object and the lock, or behind both, it is truncated: it is not made whole again with zeros, on
// which a writer would go on that no reader can find.
void takeover_of_what_is_cut_short() {
    for (const off_t size : {0, 24, 4096}) {
        const check::name name;
        const auto cut = [&] { CHECK(::truncate(name.path().c_str(), size) == 0); };
        segment::create<TradingData>(name, 64).close();
        before_lock = cut;
        FAILS(size == 24 ? error::bare : error::truncated, segment::take_over(name));
        CHECK(read_file(name.path()).size() == static_cast<std::size_t>(size));
        segment::unlink(name);
        if (size != 0) {  // without a header, signing it would end this process
            segment::create<TradingData>(name, 64).close();
            before_reserve = cut;
            segment::take_over(name).close();
            CHECK(read_file(name.path()).size() == static_cast<std::size_t>(size));
        }
    }
}

// Between the look at the object and the lock, another segment is written over it.
void takeover_of_what_is_overwritten() {
    const check::name name, other;
    segment::create<TradingData>(name, 64).close();
    segment::create<TradingData>(other, 64).close();
    before_lock = [&] { write_file(name.path(), read_file(other.path())); };
    FAILS(error::replaced, segment::take_over(name));
}

// A descriptor that a child inherits would keep the lock.
void descriptors_are_closed_on_exec() {
    const check::name name;
    const segment s = segment::create<Quote>(name, 16, {0600, true, ""});
    check::child exec([&](check::child&) {
        const char* count = "for f in /proc/self/fd/*; do readlink $f; done | grep -q /dev/shm";
        std::_Exit(::system(count) == 0 ? 1 : 0);
    });
    CHECK(exec.wait() == 0);
}

void doorbells() {
    const check::name name;
    segment::create<TradingData>(name, 16, {0600, true, ""}).close();
    const std::string bell = detail::doorbell_path(name.path(), segment::attach(name).shape().created);
    CHECK(std::remove(bell.c_str()) == 0);
    CHECK(!segment::attach(name).has_doorbell());  // which costs a reader no more than blocking
    {
        const segment s = segment::take_over(name);  // makes it anew
        CHECK(s.has_doorbell() && segment::attach(name).has_doorbell() && mode_of(bell) == 0600);
    }
    write_file(bell, std::string(4096, '\0'));  // no doorbell, whatever its name
    CHECK(!segment::attach(name).has_doorbell());
    FAILS(error::magic, segment::take_over(name));
    write_file(bell, "TICKBELL" + std::string(4087, '\0'));  // one byte short
    CHECK(!segment::attach(name).has_doorbell());
    if (::geteuid() == 0) {  // another user's could be truncated under the writer
        std::remove(bell.c_str());
        segment::take_over(name).close();
        CHECK(::chown(bell.c_str(), 65534, 65534) == 0);
        FAILS(std::errc::permission_denied, segment::take_over(name));
    }
}

void unlink_removes_doorbells() {
    const check::name name;
    segment::create<Quote>(name, 16, {0600, true, ""}).close();
    const std::string path = name.path();
    write_file(path + ".0123456789abcdef.bell", "");  // of a creation that was killed
    const std::string young = detail::doorbell_path(path, detail::nanoseconds(CLOCK_REALTIME));
    write_file(young, "");  // of a creation that is under way
    for (const char* other : {"x.0123456789abcdef.bell", ".bell", ".0123.bell", ".0123456789abcxyz.bell"}) {
        write_file(path + other, "");
    }
    CHECK(name.objects().size() == 8);
    segment::unlink(name);
    CHECK(name.objects().size() == 5 && ::access(young.c_str(), F_OK) == 0);
    FAILS(std::errc::no_such_file_or_directory, segment::unlink(name));
    CHECK(::access(young.c_str(), F_OK) == 0);
}

void another_user() {
    if (::geteuid() != 0) {
        std::puts("  skipped: needs root, to become another user");
        return;
    }
    const check::name mine, readable;
    const segment a = segment::create<TradingData>(mine, 16);
    const segment b = segment::create<TradingData>(readable, 16, {0644, true, ""});
    check::child other([&](check::child&) {
        CHECK(::setgid(65534) == 0 && ::setuid(65534) == 0);
        FAILS(std::errc::permission_denied, segment::attach(mine));
        CHECK(!segment::attach(readable).has_doorbell());
        CHECK(check::contains(FAILS(std::errc::permission_denied, segment::take_over(readable)), "another user"));
    });
    CHECK(other.wait() == 0);
}

void bare() {
    const check::name name;
    SharedMemory<TradingData> old(name, true);
    FAILS(error::bare, segment::attach(name));
    const segment s = segment::attach_bare(name);
    const bare_reader r(s);
    CHECK(r.read() == TradingData{});
    old.get()->price = 2.5, old.get()->volume = -3, old.get()->valid = true;
    CHECK((r.read() == TradingData{2.5, 0, -3, true}));
    FAILS(error::bare, reader<TradingData>(s));
    FAILS(error::bare, s.status());
    const segment ring = segment::create<TradingData>(check::name(), 16);
    FAILS(error::not_bare, bare_reader(ring));
}

// The slots on a hugetlbfs. Headers that name what is not a proper ring file are refused, wherever this runs.
void ring_files() {
    const check::name name;
    const std::string folder = "/tmp/tickring-test-" + std::to_string(::getpid());
    CHECK(::mkdir(folder.c_str(), 0700) == 0);
    FAILS(std::errc::invalid_argument, segment::create<TradingData>(name, 64, {0600, false, folder}));
    FAILS(std::errc::no_such_file_or_directory,
          segment::create<TradingData>(name, 64, {0600, false, folder + "/none"}));
    CHECK(name.objects().empty());

    geometry g = geometry_of<TradingData>(64);
    g.created = 0xabc;
    const auto put = [&](const std::string& path) {
        g.ring_file = path;
        detail::arrange(g);
        const detail::bytes b = detail::encode(g);
        write_file(name.path(), std::string(b.begin(), b.end()));
    };
    const std::string last = std::string(name).substr(1) + ".0000000000000abc.ring", path = folder + "/" + last;
    const auto refused = [&](auto code) {
        FAILS(code, segment::attach(name));
        FAILS(code, segment::take_over(name));
    };
    put(path);
    refused(std::errc::no_such_file_or_directory);
    write_file(path, std::string(4096, '\0'));
    refused(error::not_regular);  // on another file system
    put(folder + "/x" + last);
    refused(error::geometry);  // another segment's
    put(path);
    std::remove(path.c_str());
    CHECK(::symlink("/etc/passwd", path.c_str()) == 0);
    refused(error::not_regular);
    segment::unlink(name);
    CHECK(name.objects().empty() && ::unlink(path.c_str()) == 0);  // what is on no hugetlbfs is not removed
    ::rmdir(folder.c_str());
}

void huge_pages() {
    const std::string folder = "/dev/hugepages";
    struct statfs s {};
    const bool mounted = ::statfs(folder.c_str(), &s) == 0;
    if (!mounted || static_cast<std::uint64_t>(s.f_type) != detail::hugetlbfs_magic || s.f_bfree < 1) {
        std::puts("  skipped: no hugetlbfs with a free page at /dev/hugepages");
        return;
    }
    const check::name name;
    std::string path;
    {
        const segment memory = segment::create<TradingData>(name, 64, {0600, true, folder});
        path = memory.shape().ring_file;
        CHECK(mode_of(path) == 0600 && memory.shape().segment_size == memory.shape().header_size);
        writer<TradingData> w(memory);
        for (int i = 0; i < 100; ++i) {
            w.publish(trade(w.head()));
        }
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        CHECK(detail::locked(fd));
        ::close(fd);
    }
    {
        const segment attached = segment::attach(name);
        CHECK(check::contains(maps_of(path), " r--s "));
        reader<TradingData> r(attached, {position::oldest(), {}, {}});
        TradingData t;
        for (std::uint64_t n = 36; n < 100; ++n) {
            const result got = r.poll(t);
            CHECK(got && got.number == n && check::same(t, trade(n)));
        }
        const segment again = segment::take_over(name);
        CHECK(writer<TradingData>(again).head() == 100);
    }
    if (::geteuid() == 0) {
        CHECK(::chown(path.c_str(), 65534, 65534) == 0);
        FAILS(std::errc::permission_denied, segment::attach(name));
        CHECK(::chown(path.c_str(), 0, 0) == 0);
    }
    segment::unlink(name);
    CHECK(name.objects().empty() && ::access(path.c_str(), F_OK) != 0);
}

}  // namespace

int main() {
    return check::run({{"create, attach, unlink", create_attach_unlink},
                       {"what it says", what_it_says},
                       {"modes", modes},
                       {"names", names},
                       {"other objects", other_objects},
                       {"truncated and damaged", truncated_and_damaged},
                       {"takeover", takeover},
                       {"takeover of what is cut short", takeover_of_what_is_cut_short},
                       {"takeover of what is overwritten", takeover_of_what_is_overwritten},
                       {"descriptors are closed on exec", descriptors_are_closed_on_exec},
                       {"doorbells", doorbells},
                       {"unlink removes doorbells", unlink_removes_doorbells},
                       {"another user", another_user},
                       {"bare", bare},
                       {"ring files", ring_files},
                       {"huge pages", huge_pages}});
}
