# Another member: the length of the string in %rsi, in %rax.
        .globl  length
        .text
        .cfi_startproc
length: xorl    %eax, %eax
1:      cmpb    $0, (%rsi,%rax)
        je      2f
        incq    %rax
        jmp     1b
2:      ret
        .cfi_endproc
