// A USB bridge's UART: bytes are bits on the pin rx, and bits on tx are bytes.
#pragma once

#include <cstdint>
#include <deque>

#include "Vbench.h"
#include "noise.h"

// Bytes to the level of a wire.
struct Transmitter {
    double bit_cycles;
    uint32_t frame = 0;
    int left = 0;
    double until = 0;
    int level = 1;

    void cycle(std::deque<uint8_t> &bytes, Noise &noise, const Rates &rates) {
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

struct Line {
    std::deque<uint8_t> bytes;  // to the board
    Transmitter to_board;
    Receiver from_board;

    explicit Line(double bit_cycles) : to_board{bit_cycles}, from_board{bit_cycles} {}

    // Before the clock's edge, and behind it; the latter says whether a byte has come.
    void drive(Vbench &bench, Noise &noise, const Rates &rates) {
        to_board.cycle(bytes, noise, rates);
        bench.rx = to_board.level;
    }
    bool hear(Vbench &bench, Noise &noise, const Rates &rates, uint8_t &byte) {
        return from_board.cycle(bench.tx, noise, rates, byte);
    }
    bool works() const { return to_board.left || !bytes.empty() || from_board.place >= 0; }
};
