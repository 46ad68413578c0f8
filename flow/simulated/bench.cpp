// A board whose serial port is a pseudo-terminal: bytes that are written to it become bits on the
// simulated pin rx, and bits on tx become bytes that can be read. Its path is the first line that is
// printed. SIGUSR1 is a loss of the clock: the board begins anew. It ends with its standard input.
// A flash memory that the board reads has a file's bytes from an offset on, and is erased elsewhere.

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>
#include <vector>

#include "Vbench.h"
#include "verilated.h"

namespace {

volatile std::sig_atomic_t loses_clock = 0;

void on_signal(int) { loses_clock = 1; }

// Marsaglia's xorshift64*: the same noise for the same seed.
struct Noise {
    uint64_t state;
    bool happens(double probability) {
        if (probability <= 0) return false;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return (state * 2685821657736338717ull >> 11) * 0x1p-53 < probability;
    }
};

struct Rates {
    double flip, drop, repeat;
};

// Bytes to the level of a wire.
struct Transmitter {
    double bit_cycles;
    std::deque<uint8_t> bytes;
    uint32_t frame = 0;
    int left = 0;
    double until = 0;
    int level = 1;

    void cycle(Noise &noise, const Rates &rates) {
        if (left == 0) {
            level = 1;
            if (bytes.empty()) return;
            frame = 1u << 9 | uint32_t(bytes.front()) << 1;
            bytes.pop_front();
            left = 10;
            until = 0;
        }
        if (until <= 0) {
            level = (frame & 1) ^ (noise.happens(rates.flip) ? 1 : 0);
            frame >>= 1;
            until += bit_cycles;
        }
        until -= 1;
        if (until <= 0) --left;
    }
};

// The level of a wire to bytes.
struct Receiver {
    double bit_cycles;
    int place = -1;
    double until = 0;
    uint32_t bits = 0;

    bool cycle(int level, Noise &noise, const Rates &rates, uint8_t &byte) {
        if (place < 0) {
            if (level) return false;
            place = 0;
            until = bit_cycles / 2;
            bits = 0;
            return false;
        }
        until -= 1;
        if (until > 0) return false;
        until += bit_cycles;
        if (noise.happens(rates.flip)) level ^= 1;
        bits |= uint32_t(level) << place;
        if (place == 0 && level) {
            place = -1;  // no start bit
            return false;
        }
        if (++place < 10) return false;
        place = -1;
        byte = bits >> 1;
        return bits >> 9;
    }
};

// A flash memory on SPI, mode 0; asleep until it is woken up by a command of its own.
struct Flash {
    std::vector<uint8_t> bytes;
    size_t offset;
    bool awake = false, selected = false;
    int clock = 0, level = 1;
    uint64_t command = 0;
    size_t came = 0, sent = 0;

    uint8_t at(size_t address) const {
        return address < offset || address - offset >= bytes.size() ? 0xff : bytes[address - offset];
    }

    void cycle(int cs_n, int clk, int copi) {
        if (cs_n) {
            if (selected && came == 8 && command == 0xab) awake = true;
            selected = false;
            level = 1;
        } else {
            if (!selected) command = came = sent = 0;
            selected = true;
            if (clk && !clock && came < 32) {
                command = command << 1 | copi;
                ++came;
            } else if (!clk && clock && came == 32 && command >> 24 == 0x03 && awake) {
                level = at((command & 0xffffff) + sent / 8) >> (7 - sent % 8) & 1;
                ++sent;
            }
        }
        clock = clk;
    }
};

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
    const double bit_cycles = std::atof(argv[1]);
    Noise noise{std::strtoull(argv[2], nullptr, 10) * 2654435761u + 88172645463325252ull};
    const Rates rates{std::atof(argv[3]), std::atof(argv[4]), std::atof(argv[5])};
    std::ifstream image{argv[6], std::ios::binary};
    Flash flash{{std::istreambuf_iterator<char>{image}, {}}, std::strtoull(argv[7], nullptr, 10)};

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
    Transmitter to_board{bit_cycles};
    Receiver from_board{bit_cycles};
    std::deque<uint8_t> heard;
    bench.lock = 0;
    bench.rx = 1;
    int no_lock = lost_cycles;
    uint64_t quiet = 0;

    for (uint64_t now = 0;; ++now) {
        if (loses_clock) {
            loses_clock = 0;
            no_lock = lost_cycles;
        }
        bench.lock = no_lock == 0;
        if (no_lock) --no_lock;
        to_board.cycle(noise, rates);
        bench.rx = to_board.level;
        bench.flash_cipo = flash.level;
        bench.clock = 1;
        bench.eval();
        bench.clock = 0;
        bench.eval();
        flash.cycle(bench.flash_cs_n, bench.flash_clk, bench.flash_copi);
        uint8_t byte;
        if (from_board.cycle(bench.tx, noise, rates, byte) && !noise.happens(rates.drop)) {
            heard.push_back(byte);
            if (noise.happens(rates.repeat)) heard.push_back(byte);
        }
        const bool works = no_lock || to_board.left || !to_board.bytes.empty() || from_board.place >= 0;
        quiet = works ? 0 : quiet + 1;
        if (now % poll_cycles) continue;

        struct pollfd places[2] = {{master, POLLIN, 0}, {STDIN_FILENO, 0, 0}};
        poll(places, 2, quiet > idle_cycles ? 5 : 0);
        if (places[1].revents & (POLLHUP | POLLERR | POLLNVAL)) return 0;
        uint8_t some[512];
        if (to_board.bytes.size() < most_bytes) {
            const ssize_t count = read(master, some, sizeof some);
            for (ssize_t k = 0; k < count; ++k) {
                if (noise.happens(rates.drop)) continue;
                to_board.bytes.push_back(some[k]);
                if (noise.happens(rates.repeat)) to_board.bytes.push_back(some[k]);
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
