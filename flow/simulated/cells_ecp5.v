// Cells of boards' tops as a simulation of their pins needs them: pads without electricity, clocks
// without a PLL's arithmetic (the pad is given the clock that the PLL would make), lookup tables.

module LUT4 #(parameter [15:0] INIT = 0) (
    input A, input B, input C, input D, output Z
);
    assign Z = INIT[{D, C, B, A}];
endmodule

// What clocks the flash; the bench looks at its input.
module USRMCLK (input USRMCLKI, input USRMCLKTS);
endmodule

module IB (input I, output O);
    assign O = I;
endmodule

module OBZ (input I, input T, output O);
    assign O = I;
endmodule

module EHXPLLL #(
    parameter PLLRST_ENA = "", parameter INTFB_WAKE = "", parameter STDBY_ENABLE = "",
    parameter DPHASE_SOURCE = "", parameter OUTDIVIDER_MUXA = "", parameter OUTDIVIDER_MUXB = "",
    parameter OUTDIVIDER_MUXC = "", parameter OUTDIVIDER_MUXD = "", parameter FEEDBK_PATH = "",
    parameter CLKI_DIV = 1, parameter CLKFB_DIV = 1,
    parameter CLKOP_ENABLE = "", parameter CLKOP_DIV = 1, parameter CLKOP_CPHASE = 0,
    parameter CLKOP_FPHASE = 0, parameter CLKOS_ENABLE = "", parameter CLKOS_DIV = 1,
    parameter CLKOS_CPHASE = 0, parameter CLKOS_FPHASE = 0
) (
    input RST, input STDBY, input CLKI, input CLKFB, input PHASESEL0, input PHASESEL1,
    input PHASEDIR, input PHASESTEP, input PHASELOADREG, input PLLWAKESYNC, input ENCLKOP,
    input ENCLKOS, output CLKOP, output CLKOS, output LOCK
);
    assign CLKOP = CLKI;
    assign CLKOS = CLKI;
    assign LOCK = bench.lock;
endmodule
