# Prints what `greeting` points to and ends: a program whose link docs/internals.md goes through.
        .globl  _start, exit_status
        .text
_start: movq    greeting(%rip), %rsi
        callq   length
        movq    %rax, %rdx
        movl    $1, %edi
        movl    $1, %eax                # write
        syscall
        movl    exit_status(%rip), %edi
        movl    $60, %eax               # exit
        syscall

        .data
exit_status:
        .long   0
        .section .rodata.str1.1,"aMS",@progbits,1
        .string "not used"
