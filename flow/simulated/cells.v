// Cells of boards' tops as a simulation of their pins needs them: pads without electricity, clocks
// without a PLL's arithmetic (the pad is given the clock that the PLL would make), lookup tables.

module SB_IO #(
    parameter [5:0] PIN_TYPE = 6'b000000,
    parameter IO_STANDARD = "SB_LVCMOS",
    parameter PULLUP = 1'b0
) (
    inout PACKAGE_PIN,
    input D_OUT_0,
    input OUTPUT_ENABLE,
    output D_IN_0
);
    generate
        if (PIN_TYPE[5:2] != 4'b0000) begin : drives
            assign PACKAGE_PIN = D_OUT_0;
        end
    endgenerate
    assign D_IN_0 = PACKAGE_PIN;
endmodule

module SB_PLL40_PAD #(
    parameter FEEDBACK_PATH = "SIMPLE", parameter PLLOUT_SELECT = "GENCLK",
    parameter DIVR = 0, parameter DIVF = 0, parameter DIVQ = 0, parameter FILTER_RANGE = 0
) (
    input PACKAGEPIN, input RESETB, input BYPASS, output PLLOUTGLOBAL, output LOCK
);
    assign PLLOUTGLOBAL = PACKAGEPIN;
    assign LOCK = bench.lock;
endmodule

module SB_PLL40_CORE #(
    parameter FEEDBACK_PATH = "SIMPLE", parameter PLLOUT_SELECT = "GENCLK",
    parameter DIVR = 0, parameter DIVF = 0, parameter DIVQ = 0, parameter FILTER_RANGE = 0
) (
    input REFERENCECLK, input RESETB, input BYPASS, output PLLOUTGLOBAL, output LOCK
);
    assign PLLOUTGLOBAL = REFERENCECLK;
    assign LOCK = bench.lock;
endmodule

module SB_LUT4 #(parameter [15:0] LUT_INIT = 0) (
    input I0, input I1, input I2, input I3, output O
);
    assign O = LUT_INIT[{I3, I2, I1, I0}];
endmodule

module LUT4 #(parameter [15:0] INIT = 0) (
    input A, input B, input C, input D, output Z
);
    assign Z = INIT[{D, C, B, A}];
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
