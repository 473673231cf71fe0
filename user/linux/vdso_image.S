// The file of vdso.S, as it is mapped. Two pages at most.
.section .rodata
.balign 4096
.global libos_vdso_begin
.global libos_vdso_end
libos_vdso_begin:
.incbin VDSO_FILE
libos_vdso_end:
.section .note.GNU-stack,"",@progbits
