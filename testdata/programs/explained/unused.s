# A member that nothing refers to.
        .globl  unused
        .data
unused: .quad   0
