#!/bin/bash
# Builds Debian's Linux kernel with Spore as the linker of everything that is x86-64 (vDSO, vmlinux.o by -r, vmlinux
# three times for kallsyms, the decompressor, modules by -r with a script), boots it under QEMU, and has an init of its
# own load a module. What is elf_i386 (the real-mode code) is left to GNU ld. Without KASLR, which needs --emit-relocs.
#
#     npm run test:kernel [FOLDER]        FOLDER keeps what was built; without one it is removed at the end
#
# Needs: linux-source-6.1 qemu-system-x86 bc flex bison libelf-dev cpio xz-utils kmod
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
source=${KERNEL_SOURCE:-/usr/src/linux-source-6.1.tar.xz}
fail() { echo "linux-kernel: $*" >&2; exit 1; }
for tool in bc flex bison cpio qemu-system-x86_64; do command -v $tool >/dev/null || fail "$tool is not installed"; done
[ -e "$source" ] || fail "there is no $source"

if [ $# -gt 0 ]; then mkdir -p "$1"; work=$(cd "$1" && pwd); else work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; fi
cd "$work"
[ -d linux ] || { mkdir linux && tar xf "$source" -C linux --strip-components=1; }

# The linker of the build: one line in links.log for each link by Spore, but for what only asks for a version.
mkdir -p tools
cat >tools/ld <<END
#!/bin/sh
case " \$* " in *" elf_i386 "*) exec ld.bfd "\$@" ;; esac
case " \$* " in *" -v "* | *" --version "*) ;; *) echo "\$*" >>"$work/links.log" ;; esac
exec "$root/bin/ld" "\$@"
END
chmod +x tools/ld
rm -f links.log

cd linux
cat arch/x86/configs/tiny.config kernel/configs/tiny.config - >../fragment <<'END'
CONFIG_64BIT=y
CONFIG_PRINTK=y
CONFIG_TTY=y
CONFIG_SERIAL_8250=y
CONFIG_SERIAL_8250_CONSOLE=y
CONFIG_BINFMT_ELF=y
CONFIG_BLK_DEV_INITRD=y
CONFIG_RD_GZIP=y
CONFIG_MODULES=y
CONFIG_MODULE_UNLOAD=y
CONFIG_RELOCATABLE=y
# CONFIG_RANDOMIZE_BASE is not set
CONFIG_UNWINDER_ORC=y
CONFIG_KALLSYMS=y
CONFIG_EXPERT=y
CONFIG_MULTIUSER=y
CONFIG_PROC_FS=y
CONFIG_SYSFS=y
CONFIG_DEVTMPFS=y
CONFIG_CRC7=m
CONFIG_KERNEL_GZIP=y
CONFIG_KERNEL_XZ=n
END
make -s KCONFIG_ALLCONFIG=../fragment allnoconfig 2>/dev/null
make -s -j"$(nproc)" LD="$work/tools/ld" bzImage modules
echo "linux-kernel: $(wc -l <../links.log) links by Spore"

# An init that loads a module, says so, and restarts the machine, which ends QEMU.
cd ..
cat >init.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
  int file = open("/module.ko", O_RDONLY);
  long loaded = syscall(SYS_finit_module, file, "", 0);
  printf("init: the module %s\n", loaded == 0 ? "is loaded" : "is refused");
  fflush(stdout);
  reboot(RB_AUTOBOOT);
}
END
gcc -static -O1 -B"$root/bin" init.c -o init
rm -rf files
mkdir -p files/dev
cp init files/init
cp linux/lib/crc7.ko files/module.ko
[ "$(id -u)" = 0 ] && mknod files/dev/console c 5 1
(cd files && find . | cpio -o -H newc 2>/dev/null | gzip) >initrd.gz
timeout 300 qemu-system-x86_64 -M pc -m 256 -nographic -no-reboot -kernel linux/arch/x86/boot/bzImage -initrd initrd.gz \
  -append "console=ttyS0 panic=-1" </dev/null >boot.log 2>&1 || true
grep -q "init: the module is loaded" boot.log || { tail -40 boot.log; fail "the kernel did not get that far"; }
echo "linux-kernel: the kernel runs, and has loaded a module"
