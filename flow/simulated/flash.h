// A flash memory on a board's lines, with a file's bytes from an offset on.

#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <vector>

// A flash memory on SPI, mode 0; asleep until it is woken up by a command of its own.
struct Flash {
    const size_t offset;
    std::vector<uint8_t> bytes;
    bool awake = false, selected = false;
    int clock = 0, level = 1;
    uint64_t command = 0;
    size_t came = 0, sent = 0;

    Flash(const char *path, size_t offset) : offset{offset} {
        std::ifstream file{path, std::ios::binary};
        bytes.assign(std::istreambuf_iterator<char>{file}, {});
    }

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
