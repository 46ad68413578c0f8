// A USB bridge's SPI controller, mode 0: it clocks without end, in transactions before which select
// falls. It sends flags where there is nothing to send; of flags that come in a row one is passed on.
#pragma once

#include <cstdint>
#include <deque>

#include "Vbench.h"
#include "noise.h"

struct Line {
    static constexpr uint8_t flag = 0x7e;
    static constexpr int transaction = 64;  // bytes
    static constexpr double low_cycles = 8;  // of select

    std::deque<uint8_t> bytes;  // to the board
    double half_cycles;
    double until = 0;
    int place = -1;  // halves of bits of a transaction; -1: select is low
    uint8_t sends = flag, comes = 0, last = flag;
    int cipo = 0;

    explicit Line(double bit_cycles) : half_cycles(bit_cycles / 2) {}

    void drive(Vbench &bench, Noise &noise, const Rates &rates) {
        rose = false;
        if (until <= 0) {
            if (place < 0 || place == 16 * transaction) {
                place = place < 0 ? 0 : -1;
                bench.select = place == 0;
            }
            until += place < 0 ? low_cycles : half_cycles;
            if (place < 0) {
                bench.clk = 0;
            } else {
                if (place % 16 == 0) {
                    sends = flag;
                    if (!bytes.empty()) {
                        sends = bytes.front();
                        bytes.pop_front();
                    }
                }
                rose = place % 2;
                bench.clk = rose;
                if (!rose) {
                    bench.copi = (sends >> 7 & 1) ^ (noise.happens(rates.flip) ? 1 : 0);
                    sends <<= 1;
                }
                ++place;
            }
        }
        until -= 1;
    }
    // What stood there before the edge is read.
    bool hear(Vbench &bench, Noise &noise, const Rates &rates, uint8_t &byte) {
        const int stood = cipo;
        cipo = bench.cipo;
        if (!rose) return false;
        comes = uint8_t(comes << 1 | (stood ^ (noise.happens(rates.flip) ? 1 : 0)));
        if (place % 16) return false;
        byte = comes;
        const bool fill = byte == flag && last == flag;
        last = byte;
        return !fill;
    }
    bool works() const { return !bytes.empty() || last != flag; }

private:
    bool rose = false;
};
