// What can go wrong, as std::system_error: a code of the system (std::errc, errno), or one of tickring::error.
#pragma once

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

namespace tickring {

// What the system has no number for. Compare with ==: `e.code() == tickring::error::writer_exists`.
enum class error {
    bare = 1,       // 24 bytes of a program from before the ring, without a version
    not_bare,       // attach_bare of something else
    magic,          // the object begins with something else
    version,        // of the layout: not supported
    byte_order,     // made on a machine of the other byte order
    checksum,       // the header was damaged
    truncated,      // the object, or its ring file, is shorter than it says
    geometry,       // the header, or what a program asks for, contradicts itself
    schema,         // the record's description is invalid, or the program's record is another
    not_regular,    // not a shared memory object
    name,           // not a name for one
    writer_exists,  // it has a living writer
    replaced,       // the name was given to another object meanwhile
    corrupt,        // slot versions, the head and the epoch contradict each other
    no_doorbell,    // nothing to block on
    read_only,      // memory that is only attached cannot be written
    read_locked,    // no writer has it, but a process that may read it holds a lock on it
    owner,          // made by another user, who could rewrite or truncate it
    no_proc,        // /proc is not mounted
    exhausted,      // fewer than 2^56 record numbers are left of 2^63
};

namespace detail {

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "tickring"; }

    std::string message(int value) const override {
        switch (static_cast<error>(value)) {
        case error::bare: return "a 24-byte segment of a program from before the ring, without a version";
        case error::not_bare: return "not a 24-byte segment of a program from before the ring";
        case error::magic: return "not a Tickring segment";
        case error::version: return "layout version not supported";
        case error::byte_order: return "byte order differs from this machine's";
        case error::checksum: return "header checksum does not match";
        case error::truncated: return "segment truncated";
        case error::geometry: return "impossible geometry";
        case error::schema: return "record schema refused";
        case error::not_regular: return "not a shared memory object";
        case error::name: return "invalid segment name";
        case error::writer_exists: return "another writer has the segment";
        case error::replaced: return "the name was given to another object meanwhile";
        case error::corrupt: return "slot versions, the head and the epoch contradict each other: the memory is damaged";
        case error::no_doorbell: return "no doorbell to block on";
        case error::read_only: return "memory is read-only";
        case error::read_locked: return "no writer has the segment, but a process that may read it holds a lock on it";
        case error::owner: return "made by another user, who could rewrite or truncate it";
        case error::no_proc: return "/proc is not mounted here";
        case error::exhausted: return "the record numbers are used up";
        }
        return "unknown error";
    }

    // The errno that says nearly the same, for programs that know only those.
    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<error>(value)) {
        case error::writer_exists:
        case error::read_locked: return std::errc::device_or_resource_busy;
        case error::not_regular:
        case error::name: return std::errc::invalid_argument;
        case error::read_only:
        case error::owner: return std::errc::permission_denied;
        default: return {value, *this};
        }
    }
};

}  // namespace detail

inline const std::error_category& error_category() noexcept {
    static const detail::category instance;
    return instance;
}

inline std::error_code make_error_code(error e) noexcept { return {static_cast<int>(e), error_category()}; }

}  // namespace tickring

template <>
struct std::is_error_code_enum<tickring::error> : std::true_type {};

namespace tickring {

namespace detail {

// hint says what to do next about an error of operation op.
inline const char* hint(const std::string& op, const std::error_code& code) {
    if (code.category() != error_category()) {
        switch (code.value()) {
        case EEXIST: return "it is there already: attach to it, take it over, or remove it first";
        case ENOENT:
            return op == "create" ? "is there a /dev/shm?" : "nothing has this name: is the writer running?";
        case EACCES:
        case EPERM:
            return op == "create"   ? "this user may not use /dev/shm, or the hugetlbfs: as root: chmod 1777"
                   : op == "unlink" ? "it belongs to another user: only its owner and root can remove it"
                                    : "it belongs to another user: ask its owner for a mode that lets you in";
        case ENOSPC: return "the file system is too small or too full: fewer slots, or a larger one (remount,size=…)";
        case ENOMEM: return "memory is short: fewer slots, or a higher limit (ulimit -v, ulimit -l, vm.max_map_count)";
        case ELOOP: return "the name is a symbolic link, which is never followed";
        case EMFILE: return "this process has too many files open (ulimit -n)";
        case ENFILE: return "this machine has too many files open (sysctl fs.file-max)";
        case EFBIG: return "this process may not make files that large: fewer slots, or a higher limit (ulimit -f)";
        case EROFS: return "the file system is mounted read-only, which is enough to read alone";
        case EOPNOTSUPP: return "/dev/shm has to be a tmpfs: as root: mount -t tmpfs -o mode=1777 tmpfs /dev/shm";
        default: return "";
        }
    }
    switch (static_cast<error>(code.value())) {
    case error::bare:
        return op == "take over" ? "only the program that made it can write it: remove it and create one to publish"
                                 : "read it with attach_bare or SharedMemory";
    case error::not_bare: return "attach to it as a segment";
    case error::version:
    case error::byte_order:
        return "it was made by another version of this program, or for another machine: use that, or create it anew";
    case error::not_regular: return "give the name of a shared memory object, or remove what lies there";
    case error::name: return "use one like /trading_data";
    case error::writer_exists: return "a segment has one writer: end that one first, or attach to read";
    case error::replaced: return "open it again";
    case error::no_doorbell: return "create the segment with one, or wait in another way";
    case error::read_only: return "take the segment over to publish";
    case error::read_locked:
        return "end that process (lslocks shows it), or remove the segment and create it anew with a mode that keeps it out";
    case error::owner: return "have its owner or root remove it, or say by take_over that you trust that user";
    case error::no_proc: return "mount it, as root: mount -t proc proc /proc";
    case error::exhausted: return "remove the segment and create it anew";
    default: break;
    }
    if (op == "create") { // of what the program asked for: the detail says it
        return "";
    }
    switch (static_cast<error>(code.value())) {
    case error::magic:
    case error::checksum:
    case error::truncated:
    case error::geometry:
    case error::corrupt:
        return "the object is damaged or another program's: look at it, then remove it and create it anew";
    case error::schema: return "compile both programs with one definition of the record, or create the segment anew";
    default: return "";
    }
}

// quoted is text that cannot steer the terminal on which it is shown.
inline std::string quoted(const std::string& text) {
    std::string safe = text;
    for (char& c : safe) {
        if (c < ' ' || c > '~') {
            c = '?';
        }
    }
    return safe;
}

}  // namespace detail

// What every function of this library throws. what() has the operation, the object, what is wrong, and what to do
// next; code() is for programs.
class failure : public std::system_error {
public:
    // What is wrong, before anybody has said with which object.
    failure(std::error_code code, std::string detail)
        : failure(code, detail, detail.empty() ? code.message() : code.message() + ": " + detail) {}

    // The same, of operation op on the object of a name.
    failure(const std::string& op, const std::string& name, const failure& cause)
        : failure(cause.code(), cause.detail(), sentence(op, name, cause)) {}

    const char* what() const noexcept override { return text_->c_str(); }

    // The particulars without operation, name and advice.
    const std::string& detail() const noexcept { return *detail_; }

private:
    failure(std::error_code code, const std::string& detail, const std::string& text)
        : std::system_error(code),
          detail_(std::make_shared<const std::string>(detail)),
          text_(std::make_shared<const std::string>(text)) {}

    static std::string sentence(const std::string& op, const std::string& name, const failure& cause) {
        std::string text = "tickring: " + op + " " + detail::quoted(name) + ": " + cause.what();
        const std::string hint = detail::hint(op, cause.code());
        return hint.empty() ? text : text + ": " + hint;
    }

    // Shared, so that copying an exception cannot throw.
    std::shared_ptr<const std::string> detail_;
    std::shared_ptr<const std::string> text_;
};

namespace detail {

[[noreturn]] inline void fail(error e, std::string detail = {}) { throw failure(e, std::move(detail)); }

[[noreturn]] inline void fail(int number, std::string detail = {}) {
    throw failure(std::error_code(number, std::generic_category()), std::move(detail));
}

// during runs a step of operation op on the object of a name, and says so in what it throws.
template <class Step>
auto during(const char* op, const std::string& name, Step step) {
    try {
        return step();
    } catch (const failure& cause) {
        throw failure(op, name, cause);
    }
}

}  // namespace detail

}  // namespace tickring
