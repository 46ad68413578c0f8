// Cells of boards' tops as a simulation of their pins needs them: pads without electricity, clocks
// without a PLL's arithmetic (the pad is given the clock that the PLL would make), lookup tables.

module IBUF (input I, output O);
    assign O = I;
endmodule

module OBUF (input I, output O);
    assign O = I;
endmodule

module TBUF (input I, input OEN, output O);
    assign O = I;
endmodule

module LUT4 #(parameter [15:0] INIT = 0) (
    input I0, input I1, input I2, input I3, output F
);
    assign F = INIT[{I3, I2, I1, I0}];
endmodule

module rPLL #(
    parameter DEVICE = "", parameter FCLKIN = "", parameter IDIV_SEL = 0, parameter FBDIV_SEL = 0,
    parameter ODIV_SEL = 0, parameter DYN_SDIV_SEL = 0, parameter DYN_DA_EN = "",
    parameter PSDA_SEL = "", parameter DUTYDA_SEL = "", parameter CLKFB_SEL = "",
    parameter CLKOUTD_SRC = "", parameter CLKOUTD3_SRC = "", parameter DYN_IDIV_SEL = "",
    parameter DYN_FBDIV_SEL = "", parameter DYN_ODIV_SEL = "", parameter CLKOUT_BYPASS = "",
    parameter CLKOUTP_BYPASS = "", parameter CLKOUTD_BYPASS = ""
) (
    input CLKIN, input CLKFB, input RESET, input RESET_P, input [5:0] FBDSEL, input [5:0] IDSEL,
    input [5:0] ODSEL, input [3:0] PSDA, input [3:0] DUTYDA, input [3:0] FDLY,
    output CLKOUT, output LOCK
);
    assign CLKOUT = CLKIN;
    assign LOCK = bench.lock;
endmodule
