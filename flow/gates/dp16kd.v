// A block RAM of an ECP5, as Lattice's FPGA-TN-02204 (memory usage guide) tells it: 1024 rows of 18
// bits and two ports of 18, 9, 4, 2 or 1 bits each, those of less than 9 bits without every ninth bit.
// 36 bits are two rows, the lower half on the pins of port A: then A only writes and B only reads.
// Behind each port is a register that takes what is read with CE, and with REGMODE OUTREG another one
// that takes that with OCE; RST clears both, and lets nothing be written. A word of 36 bits is read at
// the clock and the reset of port B. Parameters that Spikewright makes no use of are refused.
// What a port reads of a word while the other one writes that is nobody's to use: here all bits of it are
// wrong, as are those that both write.
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

    localparam WIDE_A = DATA_WIDTH_A == 36, WIDE_B = DATA_WIDTH_B == 36;

    initial begin
        refuse("DATA_WIDTH_A", !known(DATA_WIDTH_A));
        refuse("DATA_WIDTH_B", !known(DATA_WIDTH_B));
        refuse("REGMODE_A", REGMODE_A != "NOREG" && REGMODE_A != "OUTREG");
        refuse("REGMODE_B", REGMODE_B != "NOREG" && REGMODE_B != "OUTREG");
        refuse("WRITEMODE_A", WRITEMODE_A != "NORMAL" && WRITEMODE_A != "READBEFOREWRITE" && WRITEMODE_A != "WRITETHROUGH");
        refuse("WRITEMODE_B", WRITEMODE_B != "NORMAL" && WRITEMODE_B != "READBEFOREWRITE" && WRITEMODE_B != "WRITETHROUGH");
        refuse("CSDECODE_A", CSDECODE_A != "0b000");
        refuse("CSDECODE_B", CSDECODE_B != "0b000");
        refuse("CLKAMUX", CLKAMUX != "CLKA");
        refuse("CLKBMUX", CLKBMUX != "CLKB");
        refuse("INIT_DATA", INIT_DATA != "STATIC");
        // Both halves of a word have one register, or none.
        refuse("REGMODE_A", WIDE_B && REGMODE_A != REGMODE_B);
    end
    // Yosys says ASYNC of blocks that nothing resets.
    always @(posedge RSTA or posedge RSTB) refuse("RESETMODE", RESETMODE != "SYNC");
    task refuse(input [159:0] name, input unknown);
        if (unknown) begin
            $display("DP16KD: %0s has a value that is not modelled", name);
            $fatal(1);
        end
    endtask
    function known(input integer width);
        known = width == 36 || width == 18 || width == 9 || width == 4 || width == 2 || width == 1;
    endfunction

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

    // The first bit of a narrow port's part of a row.
    function [4:0] place(input [13:0] address, input integer width);
        case (width)
            9: place = 9 * address[3];
            4: place = 9 * address[3] + 4 * address[2];
            2: place = 9 * address[3] + 2 * address[2:1];
            1: place = 9 * address[3] + address[2:0];
            default: place = 0;
        endcase
    endfunction
    function [17:0] mask(input integer width);
        mask = width >= 18 ? 18'h3ffff : (18'd1 << width) - 18'd1;
    endfunction
    function [17:0] taken(input [17:0] row, input [13:0] address, input integer width);
        taken = (row >> place(address, width)) & mask(width);
    endfunction
    // The bits of a row that a port's word is, and those of it that are written: the lowest address bits
    // of ports of 18 bits and more choose bytes of 9.
    function [17:0] touched(input [13:0] address, input integer width);
        touched = mask(width) << place(address, width);
    endfunction
    function [17:0] bits(input [13:0] address, input integer width);
        bits = width == 18 ? {{9{address[1]}}, {9{address[0]}}} : touched(address, width);
    endfunction
    function [17:0] changed(
        input [17:0] row, input [17:0] data, input [13:0] address, input integer width
    );
        changed = (row & ~bits(address, width)) | ((data << place(address, width)) & bits(address, width));
    endfunction

    wire [13:0] address_A = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [13:0] address_B = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    wire [17:0] data_A = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [17:0] data_B = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
    wire reads = WIDE_B ? CLKB : CLKA, clears = WIDE_B ? RSTB : RSTA;
    wire on_A = CEA && {CSA2, CSA1, CSA0} == 3'b000, on_B = CEB && {CSB2, CSB1, CSB0} == 3'b000;
    // Of wide words it is the bytes that Yosys enables, and the port always.
    wire any_A = WIDE_A ? address_A[3:0] != 0 : DATA_WIDTH_A != 18 || address_A[1:0] != 0;
    wire any_B = DATA_WIDTH_B != 18 || address_B[1:0] != 0;
    wire writes_A = on_A && WEA && !RSTA && any_A;
    wire writes_B = on_B && WEB && !RSTB && any_B && !WIDE_B && !WIDE_A;
    wire [9:0] row_A = address_A[13:4], row_B = address_B[13:4];
    // Words of 36 bits are pairs of rows.
    wire same = WIDE_A || WIDE_B ? row_A[9:1] == row_B[9:1] : row_A == row_B;
    wire [17:0] spoilt_A = same && writes_B ? touched(address_B, DATA_WIDTH_B) : 18'd0;
    wire [17:0] spoilt_B = same && writes_A ? touched(address_A, DATA_WIDTH_A) : 18'd0;
    wire [17:0] word_A = memory[row_A], word_B = memory[row_B];
    wire [17:0] new_A = changed(word_A, data_A, address_A, DATA_WIDTH_A);
    wire [17:0] new_B = changed(word_B, data_B, address_B, DATA_WIDTH_B);
    wire [17:0] bits_B = bits(address_B, DATA_WIDTH_B);
    wire [17:0] both = ((new_A & ~bits_B) | (new_B & bits_B)) ^ (spoilt_A & spoilt_B);
    wire [17:0] low = memory[{row_A[9:1], 1'b0}], high = memory[{row_A[9:1], 1'b1}];

    always @(posedge CLKA) begin
        if (writes_A && WIDE_A) begin
            memory[{row_A[9:1], 1'b0}] <= {ADA1 ? data_A[17:9] : low[17:9], ADA0 ? data_A[8:0] : low[8:0]};
            memory[{row_A[9:1], 1'b1}] <= {ADA3 ? data_B[17:9] : high[17:9], ADA2 ? data_B[8:0] : high[8:0]};
        end else if (writes_A)
            memory[row_A] <= same && writes_B ? both : new_A;
    end
    always @(posedge CLKB)
        if (writes_B && !(same && writes_A)) memory[row_B] <= new_B;

    // What a port that writes puts out, beside what it reads.
    function [17:0] answer(
        input [17:0] held, input [17:0] old, input [17:0] fresh, input writes, input [119:0] mode
    );
        if (!writes || mode == "READBEFOREWRITE") answer = old;
        else answer = mode == "WRITETHROUGH" ? fresh : held;
    endfunction
    reg [17:0] read_A = 0, held_A = 0, read_B = 0, held_B = 0;
    always @(posedge reads) begin
        if (clears) begin
            read_A <= 0;
            held_A <= 0;
        end else begin
            if (WIDE_B) begin
                if (on_B) read_A <= memory[{row_B[9:1], 1'b0}] ^ (WIDE_A || !row_A[0] ? spoilt_B : 18'd0);
            end else if (on_A && !WIDE_A)
                read_A <= answer(
                    read_A,
                    taken(word_A ^ spoilt_A, address_A, DATA_WIDTH_A),
                    taken(new_A ^ spoilt_A, address_A, DATA_WIDTH_A),
                    WEA, WRITEMODE_A
                );
            if (OCEA) held_A <= read_A;
        end
    end
    always @(posedge CLKB) begin
        if (RSTB) begin
            read_B <= 0;
            held_B <= 0;
        end else begin
            if (WIDE_B) begin
                if (on_B) read_B <= memory[{row_B[9:1], 1'b1}] ^ (WIDE_A || row_A[0] ? spoilt_B : 18'd0);
            end else if (on_B)
                read_B <= answer(
                    read_B,
                    taken(word_B ^ spoilt_B, address_B, DATA_WIDTH_B),
                    taken(new_B ^ spoilt_B, address_B, DATA_WIDTH_B),
                    WEB && !WIDE_A, WRITEMODE_B
                );
            if (OCEB) held_B <= read_B;
        end
    end
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = REGMODE_A == "OUTREG" ? held_A : read_A;
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = REGMODE_B == "OUTREG" ? held_B : read_B;
endmodule
