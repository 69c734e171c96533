# A member of libgreeting.a: a pointer to a string, which needs a dynamic relocation in a PIE.
        .globl  greeting
        .section .data.rel.ro,"aw",@progbits
        .balign 8
greeting:
        .quad   .Ltext
        .section .rodata.str1.1,"aMS",@progbits,1
.Ltext: .string "hello, world\n"
        .string "not used"
