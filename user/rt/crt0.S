// Where a program begins: RDI holds the address of its abi::Start record.
.section .text.start, "ax"
.global _start
.type _start, @function
_start:
    xor %ebp, %ebp          // the end of every backtrace
    and $-16, %rsp
    call quarry_start
    ud2
.size _start, . - _start
