// disassembly_test OBJECT: the hot paths have no locked instruction, no fence, no system call and no division, and call
// nothing but their slow paths. x86-64 only.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>
#include <string>

namespace {

using functions = std::map<std::string, std::string>;

// The instructions of each function, as objdump has them.
functions disassemble(const std::string& object) {
    const std::string command = "objdump -dr --no-show-raw-insn -M intel '" + object + "'";
    FILE* in = ::popen(command.c_str(), "r");
    functions found;
    std::string current;
    char line[4096];
    while (std::fgets(line, sizeof line, in) != nullptr) {
        std::cmatch m;
        static const std::regex heading("^[0-9a-f]+ <(.*)>:");
        if (std::regex_search(line, m, heading)) {
            current = m[1];
        } else if (!current.empty()) {
            found[current] += line;
        }
    }
    ::pclose(in);
    return found;
}

bool has(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

// The hot functions, and those of the library that were not inlined into them.
bool is_hot(const std::string& name) {
    return name.compare(0, 4, "hot_") == 0 || (has(name, "tickring6") && (has(name, "7publish") || has(name, "4poll")));
}

// What they come to when somebody sleeps, nothing is there, or the writer was closed.
bool is_slow(const std::string& name) {
    return has(name, "wake_all") || has(name, "refuse") || has(name, "look_at") || has(name, ".text.unlikely");
}

// The first instruction that has no place on a hot path. (xchg of a register with itself is a nop.)
std::string fault(const std::string& code) {
    static const std::regex forbidden(
        R"(\t(lock |[msl]fence|xchg +.*\[|cpuid|syscall|int +0x80|i?div |call +(r[a-z0-9]+|QWORD)).*)");
    std::smatch m;
    return std::regex_search(code, m, forbidden) ? m[0].str() : "";
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: disassembly_test OBJECT\n", stderr);
        return 2;
    }
    const functions found = disassemble(argv[1]);
    int failed = 0;
    for (const char* hot : {"hot_publish", "hot_publish_batch", "hot_poll", "hot_poll_batch"}) {
        if (found.find(hot) == found.end()) {
            std::fprintf(stderr, "%s is missing\n", hot);
            failed = 1;
        }
    }
    for (const auto& [name, code] : found) {
        if (!is_hot(name)) {
            continue;
        }
        if (const std::string wrong = fault(code); !wrong.empty()) {
            std::fprintf(stderr, "%s has %s\n", name.c_str(), wrong.c_str());
            failed = 1;
        }
        static const std::regex call(R"(R_X86_64_PLT32\t([^-\s]+))");
        for (std::sregex_iterator at(code.begin(), code.end(), call), end; at != end; ++at) {
            if (const std::string callee = (*at)[1]; !is_hot(callee) && !is_slow(callee)) {
                std::fprintf(stderr, "%s calls %s\n", name.c_str(), callee.c_str());
                failed = 1;
            }
        }
    }
    for (const char* control : {"control_fence", "control_lock", "control_divide"}) {
        const auto f = found.find(control);
        if (f == found.end() || fault(f->second).empty()) {
            std::fprintf(stderr, "nothing is found wrong with %s\n", control);
            failed = 1;
        }
    }
    return failed;
}
