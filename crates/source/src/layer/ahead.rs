//! Reading ahead: a stream is decompressed by a thread of its own while another uses it.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};

/// What is read at a time, in bytes.
const CHUNK: usize = 1 << 18;

/// Chunks in flight.
const CHUNKS: usize = 8;

/// Calls `work` with a reader of what the stream has.
pub fn read_ahead<T>(
    mut input: Box<dyn Read + Send + '_>,
    work: impl FnOnce(&mut dyn Read) -> T,
) -> T {
    std::thread::scope(|scope| {
        let (to, chunks) = sync_channel(CHUNKS);
        let (back, empty) = sync_channel::<Vec<u8>>(CHUNKS + 1);
        scope.spawn(move || {
            loop {
                let mut chunk = empty.try_recv().unwrap_or_default();
                let end = match fill(&mut *input, &mut chunk) {
                    Ok(()) => chunk.is_empty(),
                    Err(error) => {
                        // What came before the error is used first.
                        let _ = to.send(Ok(chunk)).and_then(|()| to.send(Err(error)));
                        return;
                    }
                };
                if to.send(Ok(chunk)).is_err() || end {
                    return;
                }
            }
        });
        let mut ahead = Ahead {
            chunks,
            back,
            present: Vec::new(),
            read: 0,
        };
        work(&mut ahead)
    })
}

/// Fills a chunk; less only at the stream's end, and before an error.
fn fill(input: &mut (dyn Read + Send), chunk: &mut Vec<u8>) -> io::Result<()> {
    chunk.resize(CHUNK, 0);
    let mut filled = 0;
    let result = loop {
        match input.read(chunk.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break Ok(()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    chunk.truncate(filled);
    result
}

/// What a thread has read.
struct Ahead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// Chunks that are to be filled again.
    back: std::sync::mpsc::SyncSender<Vec<u8>>,
    present: Vec<u8>,
    /// So much of the present one was used.
    read: usize,
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.present.len() {
            // The thread is gone after the stream's end, and after an error.
            let Ok(next) = self.chunks.recv() else {
                return Ok(0);
            };
            let used = std::mem::replace(&mut self.present, next?);
            self.read = 0;
            let _ = self.back.try_send(used);
        }
        let rest = self.present.get(self.read..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.read += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n / 5) as u8).collect()
    }

    #[test]
    fn every_byte_arrives_in_order() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 30 * CHUNK + 7] {
            let expected = bytes(length);
            let mut found = Vec::new();
            let read = read_ahead(Box::new(&expected[..]), |input| {
                input.read_to_end(&mut found)
            });
            assert_eq!(read.unwrap(), length);
            assert!(found == expected, "{length}");
        }
    }

    #[test]
    fn an_error_comes_after_what_was_read() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("it fails"))
            }
        }
        let before = bytes(CHUNK + 100);
        let mut found = Vec::new();
        let read = read_ahead(Box::new(before.chain(Fails)), |input| {
            let error = input.read_to_end(&mut found).unwrap_err();
            assert_eq!(input.read(&mut [0; 10]).unwrap(), 0);
            error
        });
        assert_eq!(read.to_string(), "it fails");
        assert!(found == before);
    }

    #[test]
    fn what_is_not_read_stops_the_thread() {
        let endless = Box::new(io::repeat(7));
        let mut some = [0; 10];
        read_ahead(endless, |input| input.read_exact(&mut some)).unwrap();
        assert_eq!(some, [7; 10]);
    }
}
