//! Stand-ins for what the standard library wants from the C library and from the compiler's, and
//! PID 1 never uses. Each of the real functions draws in tens of kilobytes; figures are in
//! `docs/design/2026-11-23-size-of-init.md`.
//!
//! Only for a static program that aborts on a panic. The linker prefers a program's own functions
//! to a library's of the same name. Should a later library need one more of a family, it brings
//! all of it, and linking fails over two functions of one name: add that one here.

use std::ffi::{c_char, c_int, c_void};
use std::process::abort;

/// `_URC_END_OF_STACK` (Itanium C++ ABI: Exception Handling, level I, section 1.2).
const END_OF_STACK: c_int = 5;

/// Where a thread's stack lies (pthread_getattr_np(3)): not known. glibc reads `/proc/self/maps`
/// with scanf for it. The standard library asks so that it can call an overflow of the stack by
/// its name. The guard page stops the program in any case.
//
// SAFETY: it has the real one's arguments, may fail as that may, and touches nothing.
#[unsafe(no_mangle)]
extern "C" fn pthread_getattr_np(_: libc::pthread_t, _: *mut libc::pthread_attr_t) -> c_int {
    libc::ENOSYS
}

/// Visits the callers of this function, for a backtrace: there are none. A stripped program has
/// no names to print, and this is the only way to the standard library's reader of debug
/// information, which goes, too.
//
// SAFETY: it has the real one's arguments, may find the stack's end as that may, and touches
// nothing.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_: *const c_void, _: *mut c_void) -> c_int {
    END_OF_STACK
}

/// Looks a function up by its name: there is none. The standard library asks for those that only
/// some C libraries have, and does without. A static program has nothing to look in, but the real
/// one explains so in the user's language.
//
// SAFETY: it has the real one's arguments, may find nothing as that may, and touches nothing.
#[unsafe(no_mangle)]
extern "C" fn dlsym(_: *mut c_void, _: *const c_char) -> *mut c_void {
    std::ptr::null_mut()
}

/// Names a thread (pthread_setname_np(3)): they have none here. The real one prints a path with
/// `sprintf`.
//
// SAFETY: it has the real one's arguments and touches nothing.
#[unsafe(no_mangle)]
extern "C" fn pthread_setname_np(_: libc::pthread_t, _: *const c_char) -> c_int {
    0
}

/// What runs only while the stack is unwound, which a panic here never does: it aborts. Nor is a
/// thread ever cancelled, which is how glibc comes to unwind. Nor is a host name ever resolved:
/// `__res_vinit` would read how, `__res_iclose` end it.
macro_rules! never_called {
    ($($name:ident)*) => {$(
        // SAFETY: it does not return, so it does not matter what its callers pass and expect.
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> ! {
            abort()
        }
    )*};
}

never_called! {
    _Unwind_ForcedUnwind
    _Unwind_GetCFA
    _Unwind_GetDataRelBase
    _Unwind_GetIP
    _Unwind_GetIPInfo
    _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart
    _Unwind_GetTextRelBase
    _Unwind_Resume
    _Unwind_SetGR
    _Unwind_SetIP
    __res_iclose
    __res_vinit
    __gcc_personality_v0
}
