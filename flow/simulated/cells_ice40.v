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

module SB_GB_IO #(
    parameter [5:0] PIN_TYPE = 6'b000000,
    parameter IO_STANDARD = "SB_LVCMOS"
) (
    inout PACKAGE_PIN,
    output GLOBAL_BUFFER_OUTPUT
);
    assign GLOBAL_BUFFER_OUTPUT = PACKAGE_PIN;
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
