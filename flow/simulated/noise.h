// What happens on a line, by chance.
#pragma once

#include <cstdint>

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
