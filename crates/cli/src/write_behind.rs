//! Bringing a file to the disk while it is being written: at its end there is little left to wait for.

use std::fs::File;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Between two calls that bring to the disk what was written meanwhile.
const PAUSE: Duration = Duration::from_millis(30);

/// A thread that does it, until this is dropped.
#[derive(Debug)]
pub struct WriteBehind {
    stop: Option<Sender<()>>,
    /// None where there can be no more threads: then all is left to wait for.
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl WriteBehind {
    /// Starts with what is in the file.
    pub fn start(file: &File) -> Self {
        let (stop, stopped) = channel();
        let thread = file.try_clone().and_then(|file| {
            let thread = Builder::new().name("flush".to_owned());
            thread.spawn(move || {
                while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    file.sync_data()?;
                }
                Ok(())
            })
        });
        Self {
            stop: Some(stop),
            thread: thread.ok(),
        }
    }

    /// Ends it. An error of the disk is told here, and to nobody who asks the file after that.
    pub fn finish(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.stop = None;
        let stopped = || Err(io::Error::other("a thread stopped"));
        let ended = self.thread.take().map(JoinHandle::join);
        ended.map_or(Ok(()), |ended| ended.unwrap_or_else(|_| stopped()))
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        // Whoever drops it does not want the file either.
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_whole_and_an_error_is_told() {
        let mut file = tempfile::tempfile().unwrap();
        let behind = WriteBehind::start(&file);
        for _ in 0..10 {
            file.write_all(&[7; 1 << 16]).unwrap();
            std::thread::sleep(PAUSE / 5);
        }
        behind.finish().unwrap();
        assert_eq!(file.metadata().unwrap().len(), 10 << 16);
        // Nothing brings a pipe to a disk.
        let (_reader, writer) = io::pipe().unwrap();
        let behind = WriteBehind::start(&File::from(std::os::fd::OwnedFd::from(writer)));
        std::thread::sleep(10 * PAUSE);
        assert!(behind.finish().is_err());
    }
}
