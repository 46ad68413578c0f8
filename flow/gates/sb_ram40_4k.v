// A block RAM of an iCE40, as Lattice's FPGA-TN-02002 (memory usage guide) tells it: 256 rows of 16
// bits, a port that writes and one that reads, each of 16, 8, 4 or 2 bits (modes 0 to 3) that lie in
// every row as far from each other as there are words in it. It is in place of the model that Yosys
// ships, which says what it is that is read of a word while that is written: nobody's to use, so here
// all bits of it are wrong.
module SB_RAM40_4K (
    output [15:0] RDATA,
    input RCLK, RCLKE, RE,
    input [10:0] RADDR,
    input WCLK, WCLKE, WE,
    input [10:0] WADDR,
    input [15:0] MASK, WDATA
);
    parameter WRITE_MODE = 0, READ_MODE = 0;
    parameter [255:0] INIT_0 = 256'd0;
    parameter [255:0] INIT_1 = 256'd0;
    parameter [255:0] INIT_2 = 256'd0;
    parameter [255:0] INIT_3 = 256'd0;
    parameter [255:0] INIT_4 = 256'd0;
    parameter [255:0] INIT_5 = 256'd0;
    parameter [255:0] INIT_6 = 256'd0;
    parameter [255:0] INIT_7 = 256'd0;
    parameter [255:0] INIT_8 = 256'd0;
    parameter [255:0] INIT_9 = 256'd0;
    parameter [255:0] INIT_A = 256'd0;
    parameter [255:0] INIT_B = 256'd0;
    parameter [255:0] INIT_C = 256'd0;
    parameter [255:0] INIT_D = 256'd0;
    parameter [255:0] INIT_E = 256'd0;
    parameter [255:0] INIT_F = 256'd0;

    reg [15:0] memory [0:255];
    integer row;
    initial for (row = 0; row < 16; row = row + 1) begin
        memory[0 + row] = INIT_0[16 * row +: 16];
        memory[16 + row] = INIT_1[16 * row +: 16];
        memory[32 + row] = INIT_2[16 * row +: 16];
        memory[48 + row] = INIT_3[16 * row +: 16];
        memory[64 + row] = INIT_4[16 * row +: 16];
        memory[80 + row] = INIT_5[16 * row +: 16];
        memory[96 + row] = INIT_6[16 * row +: 16];
        memory[112 + row] = INIT_7[16 * row +: 16];
        memory[128 + row] = INIT_8[16 * row +: 16];
        memory[144 + row] = INIT_9[16 * row +: 16];
        memory[160 + row] = INIT_A[16 * row +: 16];
        memory[176 + row] = INIT_B[16 * row +: 16];
        memory[192 + row] = INIT_C[16 * row +: 16];
        memory[208 + row] = INIT_D[16 * row +: 16];
        memory[224 + row] = INIT_E[16 * row +: 16];
        memory[240 + row] = INIT_F[16 * row +: 16];
    end
    initial if (WRITE_MODE < 0 || WRITE_MODE > 3 || READ_MODE < 0 || READ_MODE > 3) begin
        $display("SB_RAM40_4K: a mode must be one of 0 to 3");
        $fatal(1);
    end

    // Bits that a word of a mode has in its row, those of the first word.
    function [15:0] places(input integer mode);
        case (mode)
            0: places = 16'hffff;
            1: places = 16'h5555;
            2: places = 16'h1111;
            default: places = 16'h0101;
        endcase
    endfunction
    function [2:0] word(input [10:0] address, input integer mode);
        word = address[10:8] & ((4'd1 << mode) - 1);
    endfunction
    // On the pins they are those in the middle of as many.
    function integer middle(input integer mode);
        middle = mode == 0 ? 0 : (1 << (mode - 1)) - 1;
    endfunction
    wire [2:0] word_W = word(WADDR, WRITE_MODE), word_R = word(RADDR, READ_MODE);
    wire [15:0] touched = places(WRITE_MODE) << word_W;
    wire [15:0] data = ((WDATA >> middle(WRITE_MODE)) & places(WRITE_MODE)) << word_W;
    wire [15:0] bits = WRITE_MODE == 0 ? ~MASK : touched;
    wire writes = WE && WCLKE;
    always @(posedge WCLK)
        if (writes) memory[WADDR[7:0]] <= (memory[WADDR[7:0]] & ~bits) | (data & bits);

    reg [15:0] read;
    wire [15:0] spoilt = touched & {16{writes && WADDR[7:0] == RADDR[7:0]}};
    always @(posedge RCLK)
        if (RE && RCLKE)
            read <= ((memory[RADDR[7:0]] ^ spoilt) >> word_R) & places(READ_MODE);
    assign RDATA = read << middle(READ_MODE);
endmodule
