//! Keys of type `user` (add_key(2), keyrings(7)): how a root-hash signature reaches dm-verity.
//!
//! The kernel's dm-verity looks for the signature with `request_key(&key_type_user, …)` in the
//! key rings of the process that loads the table: thread, process, session. The process ring is
//! used here: it exists for PID 1 too, and it is gone after `exec`, so nothing is left behind.

use std::ffi::CString;

use crate::Error;

/// The process's own key ring (keyrings(7): `KEY_SPEC_PROCESS_KEYRING`).
const PROCESS_KEYRING: libc::c_long = -2;

/// Adds a `user` key to this process's key ring, or replaces the one of the same description.
///
/// Only this thread, and threads that it starts later, see it.
pub fn add_user_key(description: &str, payload: &[u8]) -> Result<(), Error> {
    let trouble = |source: std::io::Error| {
        Error::new("cannot hand to the kernel the key", description, source)
    };
    let name = CString::new(description).map_err(|error| trouble(error.into()))?;
    // SAFETY: add_key(2) takes two NUL-terminated strings, and a pointer to as many readable
    // bytes as the fourth argument says. `c"user"` and `name` are such strings and `payload` is a
    // slice of that length; all three live until the call returns, and the kernel keeps copies.
    let key = unsafe {
        libc::syscall(
            libc::SYS_add_key,
            c"user".as_ptr(),
            name.as_ptr(),
            payload.as_ptr(),
            payload.len(),
            PROCESS_KEYRING,
        )
    };
    if key < 0 {
        return Err(trouble(std::io::Error::last_os_error()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Container engines forbid the call to what runs inside; the VM tests make it in earnest.
    #[test]
    fn a_key_is_added_and_replaced() {
        for payload in [b"one", b"two"] {
            let answer = add_user_key("sealboot-test", payload);
            let errno = answer.err().map(|error| error.errno());
            assert!(
                matches!(errno, None | Some(Some(libc::EPERM | libc::ENOSYS))),
                "{errno:?}"
            );
        }
    }

    #[test]
    fn an_impossible_description_is_an_error() {
        assert!(add_user_key("a\0b", b"one").is_err());
        assert!(add_user_key("", b"one").is_err());
    }
}
