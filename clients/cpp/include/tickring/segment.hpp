// Named shared memory: created whole, attached read-only, owned by one writer at a time, taken over when that is gone.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "header.hpp"
#include "memory.hpp"
#include "ring_file.hpp"
#include "status.hpp"

namespace tickring {

// How a segment is made.
struct segment_options {
    mode_t mode = 0600;     // of the object, whatever the umask says; 0640 or 0644 lets others read
    bool doorbell = false;  // an object on which readers of the same user can block; it is never opened to others
    std::string hugetlbfs;  // a folder on a hugetlbfs, for the slots; empty: they lie in the object
};

// How a segment does at one moment. Each word is read by itself, while the writer goes on.
struct segment_status {
    std::uint64_t head;         // records published
    std::uint64_t oldest;       // the oldest record that the ring can still hold
    std::uint64_t epoch;        // writers so far
    std::uint64_t epoch_first;  // the first record of the present epoch
    std::uint64_t state;        // layout::state_created, state_open or state_closed
    std::uint64_t pid;          // of the writer, or of the last one, in its PID namespace
    bool alive;                 // there is a writer
    std::uint64_t heartbeat;    // CLOCK_BOOTTIME in ns when the writer last said that its loop turns
};

// A mapped segment: a ring's memory in /dev/shm. The static functions may be called concurrently. They throw
// tickring::failure: errno codes as the system says, or tickring::error.
//
// Whoever may write to the object may also truncate it, and the next access of a process that has it mapped is a
// SIGBUS: docs/CPP.md says what a program can do.
class segment : public memory {
public:
    // Makes a segment and becomes its writer. EEXIST if the name is taken, ENOSPC if the storage cannot be had; nothing
    // is left behind then.
    static segment create(const std::string& name, const geometry& shape, const segment_options& o = {}) {
        return detail::during("create", detail::canonical(name), [&] { return make(name, shape, o); });
    }

    // The same for records of type T; slots is a power of two from 2.
    template <class T>
    static segment create(const std::string& name, std::uint64_t slots, const segment_options& o = {}) {
        return detail::during("create", detail::canonical(name), [&] { return make(name, geometry_of<T>(slots), o); });
    }

    // Maps a segment read-only. It may have a writer or not.
    static segment attach(const std::string& name) {
        return detail::during("attach", detail::canonical(name), [&] {
            segment s = open(name, O_RDONLY);
            s.map(false);
            if (s.shape_.doorbell) {
                // One that is gone, or another user's, costs the reader no more than blocking on it.
                try {
                    s.use_doorbell(detail::open_doorbell(s.bell_path(), s.owner_));
                } catch (const failure& e) {
                    if (e.code() == std::errc::too_many_files_open || e.code() == std::errc::not_enough_memory ||
                        e.code() == std::errc::too_many_files_open_in_system) {
                        throw;  // of which the doorbell is not the cause
                    }
                }
            }
            return s;
        });
    }

    // Maps the 24 bytes of a program from before the ring, for a bare_reader.
    static segment attach_bare(const std::string& name) {
        return detail::during("attach", detail::canonical(name), [&] {
            segment s;
            if (const std::uint64_t size = s.open_object(name, O_RDONLY); size != layout::bare_size) {
                detail::fail(error::not_bare, std::to_string(size) + " bytes");
            }
            s.mapped_ = detail::mapping(s.object_, layout::bare_size, false);
            s.mapped_.watch(s.lost_.get(), false);
            s.header_ = s.mapped_.start();
            return s;
        });
    }

    // Makes this process the writer of a segment whose writer closed it, died, or never came; a tickring::writer then
    // goes on behind the last record. error::writer_exists if another process is its writer. error::owner if the segment
    // is neither this user's, nor root's, nor that of the user whom it trusts: its owner could rewrite or truncate it.
    static segment take_over(const std::string& name, uid_t trusted = ::geteuid()) {
        return detail::during("take over", detail::canonical(name), [&] {
            segment s = open(name, O_RDWR);
            if (s.owner_ != trusted && s.owner_ != ::geteuid() && s.owner_ != 0) {
                detail::fail(error::owner, "user " + std::to_string(s.owner_));
            }
            s.become_writer();
            return s;
        });
    }

    // Makes this process the writer of a segment: a new one if there is none of that name, else the one that there is,
    // with its own shape and options; created() says which. That is what a writer wants that is started again after a
    // crash.
    static segment create_or_take_over(const std::string& name, const geometry& shape, const segment_options& o = {}) {
        for (int tries = 1;; ++tries) {  // somebody may remove the segment between the two steps
            try {
                return create(name, shape, o);
            } catch (const failure& e) {
                if (e.code() != std::errc::file_exists) {
                    throw;
                }
            }
            try {
                return take_over(name);
            } catch (const failure& e) {
                const bool gone = e.code() == std::errc::no_such_file_or_directory || e.code() == error::replaced;
                if (!gone || tries == most_tries) {
                    throw;
                }
            }
        }
    }

    template <class T>
    static segment create_or_take_over(const std::string& name, std::uint64_t slots, const segment_options& o = {}) {
        return create_or_take_over(name, geometry_of<T>(slots), o);
    }

    // Removes a segment's name, its doorbell and its ring file. Processes that have it mapped keep it; no other can
    // open it any more. It does not look whether the segment has a writer. ENOENT if there is none.
    static void unlink(const std::string& name);

    segment(segment&&) = default;
    segment& operator=(segment&&) = default;

    // Unmaps the segment and, in the writer, gives up its lock; the segment itself stays. Readers and writers made from
    // it must be gone. The destructor does the same.
    void close() noexcept { *this = segment(); }

    // Whether this process made the segment, rather than opened one that there was.
    bool created() const noexcept { return created_; }

    // The user who has the object, and so may at any time rewrite it, truncate it, or let others in. Any user can make a
    // segment of a name that is free.
    uid_t owner() const noexcept { return owner_; }

    // Makes a system call. error::bare for a bare segment, which has no header.
    segment_status status() const {
        if (shape_.header_size == 0) {
            throw failure("read the status of", name_, failure(error::bare, ""));
        }
        const bool alive = writer_alive();
        const std::uint64_t head = live(layout::head_offset);
        return {head, shape_.oldest(head), live(layout::epoch_offset), live(layout::epoch_first_offset),
                live(layout::state_offset), live(layout::pid_offset), alive, live(layout::heartbeat_offset)};
    }

private:
    static constexpr int most_tries = 16;

    // Names to be removed if a creation does not come to its end.
    struct undo {
        std::vector<std::string> paths;
        undo() = default;
        undo(const undo&) = delete;
        ~undo() {
            for (const std::string& path : paths) {
                ::unlink(path.c_str());
            }
        }
    };

    segment() { lost_ = std::make_unique<std::uint32_t>(0); }

    std::string path() const { return detail::shm_dir + name_; }
    std::string bell_path() const { return detail::doorbell_path(path(), shape_.created); }

    static segment make(const std::string& name, geometry shape, const segment_options& o) {
        const std::string path = detail::object_path(name);
        if ((o.mode & ~static_cast<mode_t>(0666)) != 0) {
            detail::fail(EINVAL, "the mode has other than read and write bits");
        }
        shape.created = detail::nanoseconds(CLOCK_REALTIME);
        shape.version = layout::version;
        shape.doorbell = o.doorbell;
        shape.fallback.clear();
        shape.ring_file.clear();
        if (!o.hugetlbfs.empty()) {
            shape.ring_file = o.hugetlbfs + "/" + detail::ring_file_name(name, shape.created);
            detail::arrange(shape);
        }
        detail::validate(shape);
        struct stat there {};
        if (::lstat(path.c_str(), &there) == 0) {
            detail::fail(EEXIST);  // early: nothing needs to be reserved for that answer
        }
        segment s;
        undo begun;
        s.name_ = detail::canonical(name);
        s.shape_ = shape;
        s.created_ = true;
        s.owner_ = ::geteuid();
        s.object_ = detail::open_unnamed(detail::shm_dir, o.mode);
        detail::set_mode(s.object_, o.mode);
        if (!shape.ring_file.empty()) {
            detail::ring_file r = detail::create_ring_file(shape, o.mode);
            begun.paths.push_back(shape.ring_file);
            s.use_ring_file(std::move(r), true);
        }
        detail::reserve(s.object_, shape.segment_size);
        const detail::bytes header = detail::encode(shape);
        detail::write_start(s.object_, header.data(), header.size());
        s.lock();
        s.map(true);
        s.sign();
        if (shape.doorbell) {
            s.use_doorbell(detail::create_doorbell(s.bell_path()));
            begun.paths.push_back(s.bell_path());
        }
        detail::link(s.object_, path);  // complete, and only now with a name
        begun.paths.clear();
        return s;
    }

    // open opens an object and validates its header, from a private copy of it.
    static segment open(const std::string& name, int access) {
        segment s;
        s.read_shape(s.open_object(name, access));
        return s;
    }

    void read_shape(std::uint64_t size) {
        if (size == layout::bare_size) {
            detail::fail(error::bare);
        }
        shape_ = detail::decode(size, [&](std::uint64_t offset, unsigned char* to, std::uint64_t n) {
            return detail::read_at(object_, offset, to, n);
        });
    }

    // look_again looks, now that this process has the lock, whether the object is still what it was: the writer before may
    // have ended because it was cut short, or overwritten in place.
    void look_again() {
        const std::uint64_t created = shape_.created;
        read_shape(static_cast<std::uint64_t>(detail::status_of(object_).st_size));
        if (shape_.created != created) {
            detail::fail(error::replaced);
        }
    }

    // open_object opens the regular file of a name, and returns its size.
    std::uint64_t open_object(const std::string& name, int access) {
        const std::string path = detail::object_path(name);
        name_ = detail::canonical(name);
        object_ = detail::open(path, access);
        const struct stat s = detail::status_of(object_);
        if (!S_ISREG(s.st_mode)) {
            detail::fail(error::not_regular);
        }
        owner_ = s.st_uid;
        lock_fd_ = object_.fd();
        return static_cast<std::uint64_t>(s.st_size);
    }

    void map(bool writable) {
        if (!shape_.ring_file.empty() && ring_.start() == nullptr) {
            use_ring_file(detail::open_ring_file(shape_, name_, owner_, writable), writable);
        }
        mapped_ = detail::mapping(object_, shape_.segment_size, writable);
        header_ = mapped_.start();
        mapped_.watch(lost_.get(), writable);
        slots_ = (shape_.ring_file.empty() ? mapped_ : ring_).start() + shape_.ring_offset;
    }

    // The file stays open, and so locked, in a writer.
    void use_ring_file(detail::ring_file r, bool writable) {
        ring_ = r.map(shape_, writable);
        ring_.watch(lost_.get(), writable);
        ring_file_ = std::move(r.f);
    }

    void use_doorbell(detail::mapping m) {
        bell_ = detail::words_of(m);
        bell_mapped_ = std::move(m);
        bell_mapped_.watch(lost_.get(), true);
    }

    void become_writer() {
        if (shape_.version != layout::version) {
            detail::fail(error::version, "segment has version " + std::to_string(shape_.version) +
                                             ", this program writes version " + std::to_string(layout::version));
        }
        lock();
        look_again();
        detail::fill_holes(object_, shape_.segment_size);  // a copy of a segment may have some
        map(true);
        sign();
        if (ring_.start() != nullptr) {
            detail::try_lock(ring_file_);  // the object's lock decides; this one is for those who clean up
            detail::fill_holes(ring_file_, ring_.size());
        }
        if (shape_.doorbell) {
            use_doorbell(detail::reopen_doorbell(bell_path(), owner_));
        }
        if (!still_named()) {
            if (bell_) {
                detail::unlink(bell_path());  // nobody else would any more
            }
            detail::fail(error::replaced);
        }
    }

    void lock() {
        for (int tries = 3; !detail::try_lock(object_); --tries) {
            if (detail::locked(object_.fd())) {
                unsigned char pid[8]{};
                detail::read_at(object_, layout::pid_offset, pid, sizeof pid);
                detail::fail(error::writer_exists, "process " + std::to_string(detail::load<std::uint64_t>(pid)));
            }
            if (tries == 1) {  // nor was it a writer that went between the two looks
                detail::fail(error::read_locked);
            }
        }
        writable_ = true;
    }

    // sign says in the header who the writer is.
    void sign() const {
        const auto put = [&](std::uint64_t offset, std::uint64_t value) {
            detail::store_release(reinterpret_cast<std::uint64_t*>(header_ + offset), value);
        };
        put(layout::pid_offset, static_cast<std::uint64_t>(::getpid()));
        put(layout::start_time_offset, detail::start_time());
        put(layout::heartbeat_offset, detail::nanoseconds(CLOCK_BOOTTIME));
    }

    // still_named makes sure that nobody gave the name to another object while this one was being opened and locked.
    bool still_named() const {
        const struct stat opened = detail::status_of(object_);
        struct stat named {};
        if (::lstat(path().c_str(), &named) != 0) {
            if (errno != ENOENT) {
                detail::fail(errno);
            }
            return false;
        }
        return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
    }

    detail::file object_;
    uid_t owner_ = 0;  // of the object
    bool created_ = false;
    detail::mapping mapped_;  // the object
    detail::file ring_file_;
    detail::mapping ring_;  // of the ring file, if there is one
    detail::mapping bell_mapped_;
};

}  // namespace tickring

#include "unlink.hpp"
