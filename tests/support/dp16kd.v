// What a DP16KD does, as far as it is used here: 1024 words of 18 bits, two ports, each of 18, 9,
// 4, 2 or 1 bits; ports of less than 9 bits leave every ninth bit out. An output register a port.
// Of 36 bits, port A only writes and port B only reads; DIA and DOA have the lower half.
// Written from Lattice FPGA-TN-02204 (memory usage guide). What a port reads while the other writes the
// same word is nobody's to use: here all its bits are wrong.
module DP16KD (
    input DIA0, DIA1, DIA2, DIA3, DIA4, DIA5, DIA6, DIA7, DIA8, DIA9, DIA10, DIA11, DIA12, DIA13, DIA14, DIA15, DIA16, DIA17,
    input ADA0, ADA1, ADA2, ADA3, ADA4, ADA5, ADA6, ADA7, ADA8, ADA9, ADA10, ADA11, ADA12, ADA13,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output DOA0, DOA1, DOA2, DOA3, DOA4, DOA5, DOA6, DOA7, DOA8, DOA9, DOA10, DOA11, DOA12, DOA13, DOA14, DOA15, DOA16, DOA17,
    input DIB0, DIB1, DIB2, DIB3, DIB4, DIB5, DIB6, DIB7, DIB8, DIB9, DIB10, DIB11, DIB12, DIB13, DIB14, DIB15, DIB16, DIB17,
    input ADB0, ADB1, ADB2, ADB3, ADB4, ADB5, ADB6, ADB7, ADB8, ADB9, ADB10, ADB11, ADB12, ADB13,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOB0, DOB1, DOB2, DOB3, DOB4, DOB5, DOB6, DOB7, DOB8, DOB9, DOB10, DOB11, DOB12, DOB13, DOB14, DOB15, DOB16, DOB17
);
    parameter DATA_WIDTH_A = 18, REGMODE_A = "NOREG", CSDECODE_A = "0b000", CLKAMUX = "CLKA", WRITEMODE_A = "NORMAL";
    parameter DATA_WIDTH_B = 18, REGMODE_B = "NOREG", CSDECODE_B = "0b000", CLKBMUX = "CLKB", WRITEMODE_B = "NORMAL";
    parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "ENABLED", INIT_DATA = "STATIC", WID = 0;
    parameter [319:0] INITVAL_00 = 320'd0;
    parameter [319:0] INITVAL_01 = 320'd0;
    parameter [319:0] INITVAL_02 = 320'd0;
    parameter [319:0] INITVAL_03 = 320'd0;
    parameter [319:0] INITVAL_04 = 320'd0;
    parameter [319:0] INITVAL_05 = 320'd0;
    parameter [319:0] INITVAL_06 = 320'd0;
    parameter [319:0] INITVAL_07 = 320'd0;
    parameter [319:0] INITVAL_08 = 320'd0;
    parameter [319:0] INITVAL_09 = 320'd0;
    parameter [319:0] INITVAL_0A = 320'd0;
    parameter [319:0] INITVAL_0B = 320'd0;
    parameter [319:0] INITVAL_0C = 320'd0;
    parameter [319:0] INITVAL_0D = 320'd0;
    parameter [319:0] INITVAL_0E = 320'd0;
    parameter [319:0] INITVAL_0F = 320'd0;
    parameter [319:0] INITVAL_10 = 320'd0;
    parameter [319:0] INITVAL_11 = 320'd0;
    parameter [319:0] INITVAL_12 = 320'd0;
    parameter [319:0] INITVAL_13 = 320'd0;
    parameter [319:0] INITVAL_14 = 320'd0;
    parameter [319:0] INITVAL_15 = 320'd0;
    parameter [319:0] INITVAL_16 = 320'd0;
    parameter [319:0] INITVAL_17 = 320'd0;
    parameter [319:0] INITVAL_18 = 320'd0;
    parameter [319:0] INITVAL_19 = 320'd0;
    parameter [319:0] INITVAL_1A = 320'd0;
    parameter [319:0] INITVAL_1B = 320'd0;
    parameter [319:0] INITVAL_1C = 320'd0;
    parameter [319:0] INITVAL_1D = 320'd0;
    parameter [319:0] INITVAL_1E = 320'd0;
    parameter [319:0] INITVAL_1F = 320'd0;
    parameter [319:0] INITVAL_20 = 320'd0;
    parameter [319:0] INITVAL_21 = 320'd0;
    parameter [319:0] INITVAL_22 = 320'd0;
    parameter [319:0] INITVAL_23 = 320'd0;
    parameter [319:0] INITVAL_24 = 320'd0;
    parameter [319:0] INITVAL_25 = 320'd0;
    parameter [319:0] INITVAL_26 = 320'd0;
    parameter [319:0] INITVAL_27 = 320'd0;
    parameter [319:0] INITVAL_28 = 320'd0;
    parameter [319:0] INITVAL_29 = 320'd0;
    parameter [319:0] INITVAL_2A = 320'd0;
    parameter [319:0] INITVAL_2B = 320'd0;
    parameter [319:0] INITVAL_2C = 320'd0;
    parameter [319:0] INITVAL_2D = 320'd0;
    parameter [319:0] INITVAL_2E = 320'd0;
    parameter [319:0] INITVAL_2F = 320'd0;
    parameter [319:0] INITVAL_30 = 320'd0;
    parameter [319:0] INITVAL_31 = 320'd0;
    parameter [319:0] INITVAL_32 = 320'd0;
    parameter [319:0] INITVAL_33 = 320'd0;
    parameter [319:0] INITVAL_34 = 320'd0;
    parameter [319:0] INITVAL_35 = 320'd0;
    parameter [319:0] INITVAL_36 = 320'd0;
    parameter [319:0] INITVAL_37 = 320'd0;
    parameter [319:0] INITVAL_38 = 320'd0;
    parameter [319:0] INITVAL_39 = 320'd0;
    parameter [319:0] INITVAL_3A = 320'd0;
    parameter [319:0] INITVAL_3B = 320'd0;
    parameter [319:0] INITVAL_3C = 320'd0;
    parameter [319:0] INITVAL_3D = 320'd0;
    parameter [319:0] INITVAL_3E = 320'd0;
    parameter [319:0] INITVAL_3F = 320'd0;

    reg [17:0] memory [0:1023];
    integer row;
    initial for (row = 0; row < 16; row = row + 1) begin
        memory[0 + row] = INITVAL_00[20 * row +: 18];
        memory[16 + row] = INITVAL_01[20 * row +: 18];
        memory[32 + row] = INITVAL_02[20 * row +: 18];
        memory[48 + row] = INITVAL_03[20 * row +: 18];
        memory[64 + row] = INITVAL_04[20 * row +: 18];
        memory[80 + row] = INITVAL_05[20 * row +: 18];
        memory[96 + row] = INITVAL_06[20 * row +: 18];
        memory[112 + row] = INITVAL_07[20 * row +: 18];
        memory[128 + row] = INITVAL_08[20 * row +: 18];
        memory[144 + row] = INITVAL_09[20 * row +: 18];
        memory[160 + row] = INITVAL_0A[20 * row +: 18];
        memory[176 + row] = INITVAL_0B[20 * row +: 18];
        memory[192 + row] = INITVAL_0C[20 * row +: 18];
        memory[208 + row] = INITVAL_0D[20 * row +: 18];
        memory[224 + row] = INITVAL_0E[20 * row +: 18];
        memory[240 + row] = INITVAL_0F[20 * row +: 18];
        memory[256 + row] = INITVAL_10[20 * row +: 18];
        memory[272 + row] = INITVAL_11[20 * row +: 18];
        memory[288 + row] = INITVAL_12[20 * row +: 18];
        memory[304 + row] = INITVAL_13[20 * row +: 18];
        memory[320 + row] = INITVAL_14[20 * row +: 18];
        memory[336 + row] = INITVAL_15[20 * row +: 18];
        memory[352 + row] = INITVAL_16[20 * row +: 18];
        memory[368 + row] = INITVAL_17[20 * row +: 18];
        memory[384 + row] = INITVAL_18[20 * row +: 18];
        memory[400 + row] = INITVAL_19[20 * row +: 18];
        memory[416 + row] = INITVAL_1A[20 * row +: 18];
        memory[432 + row] = INITVAL_1B[20 * row +: 18];
        memory[448 + row] = INITVAL_1C[20 * row +: 18];
        memory[464 + row] = INITVAL_1D[20 * row +: 18];
        memory[480 + row] = INITVAL_1E[20 * row +: 18];
        memory[496 + row] = INITVAL_1F[20 * row +: 18];
        memory[512 + row] = INITVAL_20[20 * row +: 18];
        memory[528 + row] = INITVAL_21[20 * row +: 18];
        memory[544 + row] = INITVAL_22[20 * row +: 18];
        memory[560 + row] = INITVAL_23[20 * row +: 18];
        memory[576 + row] = INITVAL_24[20 * row +: 18];
        memory[592 + row] = INITVAL_25[20 * row +: 18];
        memory[608 + row] = INITVAL_26[20 * row +: 18];
        memory[624 + row] = INITVAL_27[20 * row +: 18];
        memory[640 + row] = INITVAL_28[20 * row +: 18];
        memory[656 + row] = INITVAL_29[20 * row +: 18];
        memory[672 + row] = INITVAL_2A[20 * row +: 18];
        memory[688 + row] = INITVAL_2B[20 * row +: 18];
        memory[704 + row] = INITVAL_2C[20 * row +: 18];
        memory[720 + row] = INITVAL_2D[20 * row +: 18];
        memory[736 + row] = INITVAL_2E[20 * row +: 18];
        memory[752 + row] = INITVAL_2F[20 * row +: 18];
        memory[768 + row] = INITVAL_30[20 * row +: 18];
        memory[784 + row] = INITVAL_31[20 * row +: 18];
        memory[800 + row] = INITVAL_32[20 * row +: 18];
        memory[816 + row] = INITVAL_33[20 * row +: 18];
        memory[832 + row] = INITVAL_34[20 * row +: 18];
        memory[848 + row] = INITVAL_35[20 * row +: 18];
        memory[864 + row] = INITVAL_36[20 * row +: 18];
        memory[880 + row] = INITVAL_37[20 * row +: 18];
        memory[896 + row] = INITVAL_38[20 * row +: 18];
        memory[912 + row] = INITVAL_39[20 * row +: 18];
        memory[928 + row] = INITVAL_3A[20 * row +: 18];
        memory[944 + row] = INITVAL_3B[20 * row +: 18];
        memory[960 + row] = INITVAL_3C[20 * row +: 18];
        memory[976 + row] = INITVAL_3D[20 * row +: 18];
        memory[992 + row] = INITVAL_3E[20 * row +: 18];
        memory[1008 + row] = INITVAL_3F[20 * row +: 18];
    end

    // The first bit of a narrow port's part of a word.
    function [4:0] place(input [13:0] address, input integer width);
        case (width)
            9: place = 9 * address[3];
            4: place = 9 * address[3] + 4 * address[2];
            2: place = 9 * address[3] + 2 * address[2:1];
            1: place = 9 * address[3] + address[2:0];
            default: place = 0;
        endcase
    endfunction
    function [17:0] taken(input [17:0] word, input [13:0] address, input integer width);
        taken = (word >> place(address, width)) & ((19'd1 << width) - 1);
    endfunction
    function [17:0] changed(
        input [17:0] word, input [17:0] data, input [13:0] address, input integer width
    );
        reg [17:0] bits;
        begin
            bits = width == 18 ? {{9{address[1]}}, {9{address[0]}}} : ((19'd1 << width) - 1);
            bits = bits << place(address, width);
            changed = (word & ~bits) | ((data << place(address, width)) & bits);
        end
    endfunction

    // Words of 36 bits are two of 18, the lower half first.
    localparam WIDE_A = DATA_WIDTH_A == 36, WIDE_B = DATA_WIDTH_B == 36;
    function [17:0] bytes(input [17:0] word, input [17:0] data, input high, input low);
        bytes = {high ? data[17:9] : word[17:9], low ? data[8:0] : word[8:0]};
    endfunction

    wire [13:0] address_A = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [17:0] data_A = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire on_A = CEA && {CSA2, CSA1, CSA0} == 3'b000, writes_A = on_A && WEA && (!WIDE_A || address_A[3:0] != 0);
    wire [13:0] address_B = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    wire [17:0] data_B = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
    wire on_B = CEB && {CSB2, CSB1, CSB0} == 3'b000, writes_B = on_B && WEB;
    wire same = WIDE_A || WIDE_B ? address_A[13:5] == address_B[13:5] : address_A[13:4] == address_B[13:4];
    // What the other port writes right now is read wrongly.
    wire [17:0] spoilt_A = {18{same && writes_B}}, spoilt_B = {18{same && writes_A}};

    reg [17:0] read_A = 0, held_A = 0;
    wire [17:0] word_A = memory[address_A[13:4]];
    always @(posedge CLKA) begin
        if (WIDE_A && writes_A) begin
            memory[{address_A[13:5], 1'b0}] <= bytes(memory[{address_A[13:5], 1'b0}], data_A, ADA1, ADA0);
            memory[{address_A[13:5], 1'b1}] <= bytes(memory[{address_A[13:5], 1'b1}], data_B, ADA3, ADA2);
        end else if (writes_A) memory[address_A[13:4]] <= changed(word_A, data_A, address_A, DATA_WIDTH_A);
        if (WIDE_B) begin
            if (on_B) read_A <= memory[{address_B[13:5], 1'b0}] ^ spoilt_B;
        end else if (on_A && (!WEA || WRITEMODE_A == "READBEFOREWRITE"))
            read_A <= taken(word_A ^ spoilt_A, address_A, DATA_WIDTH_A);
        if (RSTA) begin
            read_A <= 0;
            held_A <= 0;
        end else if (OCEA) held_A <= read_A;
    end
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = REGMODE_A == "OUTREG" ? held_A : read_A;

    reg [17:0] read_B = 0, held_B = 0;
    wire [17:0] word_B = memory[address_B[13:4]];
    always @(posedge CLKB) begin
        if (writes_B) memory[address_B[13:4]] <= changed(word_B, data_B, address_B, DATA_WIDTH_B);
        if (WIDE_B) begin
            if (on_B) read_B <= memory[{address_B[13:5], 1'b1}] ^ spoilt_B;
        end else if (on_B && (!WEB || WRITEMODE_B == "READBEFOREWRITE"))
            read_B <= taken(word_B ^ spoilt_B, address_B, DATA_WIDTH_B);
        if (RSTB) begin
            read_B <= 0;
            held_B <= 0;
        end else if (OCEB) held_B <= read_B;
    end
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = REGMODE_B == "OUTREG" ? held_B : read_B;
endmodule
