// A board whose link is a pseudo-terminal: bytes that are written to it become bits on simulated
// pins, as line.h plays the USB bridge, and bits on others become bytes that can be read. Its path is
// the first line that is printed. SIGUSR1 is a loss of the clock: the board begins anew. It ends with
// its standard input. Its flash memory has a file's bytes from an offset on, and is erased elsewhere.

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include "Vbench.h"
#include "flash.h"
#include "line.h"
#include "noise.h"
#include "verilated.h"

namespace {

volatile std::sig_atomic_t loses_clock = 0;

void on_signal(int) { loses_clock = 1; }

[[noreturn]] void fail(const char *what) {
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    std::exit(2);
}

constexpr int poll_cycles = 64;
constexpr int idle_cycles = 200000;
constexpr int lost_cycles = 64;
constexpr size_t most_bytes = 4096;

}  // namespace

int main(int argc, char **argv) {
    if (argc != 8) {
        std::fprintf(stderr, "usage: board CYCLES_A_BIT SEED FLIP DROP REPEAT FLASH OFFSET\n");
        return 2;
    }
    Noise noise{std::strtoull(argv[2], nullptr, 10) * 2654435761u + 88172645463325252ull};
    const Rates rates{std::atof(argv[3]), std::atof(argv[4]), std::atof(argv[5])};
    Flash flash{argv[6], std::strtoull(argv[7], nullptr, 10)};

    int master, slave;
    char path[256];
    struct termios raw;
    std::memset(&raw, 0, sizeof raw);
    cfmakeraw(&raw);
    raw.c_cflag |= CREAD | CLOCAL;
    // The slave stays open here, so that a host can come and go.
    if (openpty(&master, &slave, path, &raw, nullptr)) fail("openpty");
    if (fcntl(master, F_SETFL, O_NONBLOCK)) fail("fcntl");
    std::signal(SIGUSR1, on_signal);
    std::printf("%s\n", path);
    std::fflush(stdout);

    VerilatedContext context;
    context.randReset(0);
    Vbench bench{&context};
    Line line{std::atof(argv[1])};
    std::deque<uint8_t> heard;
    bench.lock = 0;
    int no_lock = lost_cycles;
    uint64_t quiet = 0;

    for (uint64_t now = 0;; ++now) {
        if (loses_clock) {
            loses_clock = 0;
            no_lock = lost_cycles;
        }
        bench.lock = no_lock == 0;
        if (no_lock) --no_lock;
        line.drive(bench, noise, rates);
        bench.flash_cipo = flash.level;
        bench.clock = 1;
        bench.eval();
        bench.clock = 0;
        bench.eval();
        flash.cycle(bench.flash_cs_n, bench.flash_clk, bench.flash_copi);
        uint8_t byte;
        if (line.hear(bench, noise, rates, byte) && !noise.happens(rates.drop)) {
            heard.push_back(byte);
            if (noise.happens(rates.repeat)) heard.push_back(byte);
        }
        quiet = no_lock || line.works() ? 0 : quiet + 1;
        if (now % poll_cycles) continue;

        struct pollfd places[2] = {{master, POLLIN, 0}, {STDIN_FILENO, 0, 0}};
        poll(places, 2, quiet > idle_cycles ? 5 : 0);
        if (places[1].revents & (POLLHUP | POLLERR | POLLNVAL)) return 0;
        uint8_t some[512];
        if (line.bytes.size() < most_bytes) {
            const ssize_t count = read(master, some, sizeof some);
            for (ssize_t k = 0; k < count; ++k) {
                if (noise.happens(rates.drop)) continue;
                line.bytes.push_back(some[k]);
                if (noise.happens(rates.repeat)) line.bytes.push_back(some[k]);
            }
        }
        while (!heard.empty()) {
            size_t size = 0;
            for (auto each = heard.begin(); each != heard.end() && size < sizeof some; ++each)
                some[size++] = *each;
            const ssize_t count = write(master, some, size);
            if (count <= 0) break;
            heard.erase(heard.begin(), heard.begin() + count);
        }
    }
}
