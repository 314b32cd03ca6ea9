//! The filter on system calls (seccomp(2)): what capabilities and namespaces do not refuse.
//!
//! prlimit(2) asks for equal user ids only, and where a single id is all there is, init has the
//! payload's: a payload could lower init's CPU limit and have the kernel kill it. So a payload may
//! change its own limits only. And keys of the kernel belong to a user namespace (keyrings(7)),
//! which outlives a run: no key may be left for the next. Nor may descriptors that io_uring holds:
//! the kernel closes them when it likes.

use libc::sock_filter;

/// The program, in the kernel's classic BPF. Another architecture's system calls have other
/// numbers, so none is let through, nor any of the x32 ABI.
pub(crate) static PROGRAM: [sock_filter; 15] = [
    load(ARCHITECTURE),
    jump(libc::BPF_JEQ, NATIVE_ARCHITECTURE, 1, 0),
    answer(libc::SECCOMP_RET_KILL_PROCESS),
    load(NUMBER),
    jump(libc::BPF_JGE, X32_BIT, 1, 0),
    jump(libc::BPF_JEQ, number(libc::SYS_io_uring_setup), 0, 1),
    answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
    jump(libc::BPF_JEQ, number(libc::SYS_add_key), 5, 0),
    jump(libc::BPF_JEQ, number(libc::SYS_request_key), 4, 0),
    jump(libc::BPF_JEQ, number(libc::SYS_keyctl), 3, 0),
    jump(libc::BPF_JEQ, number(libc::SYS_prlimit64), 0, 3),
    load(FIRST_ARGUMENT),
    jump(libc::BPF_JEQ, 0, 1, 0),
    answer(libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned()),
    answer(libc::SECCOMP_RET_ALLOW),
];

/// Offsets into `struct seccomp_data`. The argument is a pid_t, of which the kernel takes the low
/// half only; every architecture below is little-endian.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

/// `AUDIT_ARCH_*` of linux/audit.h.
#[cfg(target_arch = "x86_64")]
const NATIVE_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE_ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
const NATIVE_ARCHITECTURE: u32 = 0xc000_00f3;

/// Marks the numbers of the x32 ABI, which is x86-64 with 32-bit pointers.
const X32_BIT: u32 = 0x4000_0000;

#[expect(clippy::cast_possible_truncation, reason = "system calls have small numbers")]
const fn number(system_call: libc::c_long) -> u32 {
    system_call.cast_unsigned() as u32
}

/// Loads 32 bits of the system call's data.
const fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

/// Compares what was loaded with `value`; skips that many instructions where it holds or does not.
const fn jump(comparison: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_K | comparison, value, if_true, if_false)
}

/// Ends the program.
const fn answer(action: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, action, 0, 0)
}

#[expect(clippy::cast_possible_truncation, reason = "every code fits 16 bits")]
const fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}
