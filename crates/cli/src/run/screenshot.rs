//! What is on the machine's screen, as a picture.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::exit::{Code, WithCode};

/// Where a picture goes.
#[derive(Clone, Debug)]
pub struct Screenshot {
    path: PathBuf,
    png: bool,
}

/// Pixels of a screen.
#[derive(Debug, PartialEq, Eq)]
struct Picture<'a> {
    width: u32,
    height: u32,
    /// Three bytes each: red, green, blue; rows from the top.
    pixels: &'a [u8],
}

impl Screenshot {
    /// The end of the file's name says what it becomes.
    pub fn new(path: &Path) -> anyhow::Result<Self> {
        let png = match path.extension().and_then(|ending| ending.to_str()) {
            Some("png") => true,
            Some("ppm") => false,
            _ => {
                return Err(anyhow!(
                    "--screenshot {}: a name that ends with .png or .ppm is needed",
                    path.display()
                ))
                .code(Code::Usage);
            }
        };
        let path = path.to_owned();
        Ok(Self { path, png })
    }

    /// Saves what QEMU wrote: a PPM file.
    pub fn save(&self, ppm: &[u8]) -> anyhow::Result<()> {
        let bytes = match self.png {
            true => png(ppm).context("QEMU's picture of the screen cannot be used")?,
            false => ppm.to_vec(),
        };
        fs::write(&self.path, bytes)
            .with_context(|| format!("{} cannot be written", self.path.display()))
            .code(Code::Failed)
    }
}

/// Whether a PPM file shows anything but black.
pub fn lit(ppm: &[u8]) -> bool {
    read(ppm).is_some_and(|picture| picture.pixels.iter().any(|value| *value > 0))
}

fn png(ppm: &[u8]) -> anyhow::Result<Vec<u8>> {
    let picture = read(ppm).context("no PPM file of 8 bits a colour")?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.write_header()?.write_image_data(picture.pixels)?;
    Ok(bytes)
}

/// Reads the binary kind of PPM (netpbm's ppm(5)) with 255 as the largest value and without
/// comments, as QEMU writes it.
fn read(ppm: &[u8]) -> Option<Picture<'_>> {
    let mut fields = ppm.splitn(4, u8::is_ascii_whitespace);
    let mut field = || fields.next().and_then(|field| str::from_utf8(field).ok());
    if field()? != "P6" {
        return None;
    }
    let (width, height) = (field()?.parse().ok()?, field()?.parse().ok()?);
    let pixels = fields.next()?.strip_prefix(b"255\n")?;
    let size = u64::from(width).checked_mul(u64::from(height))?;
    (Some(pixels.len() as u64) == size.checked_mul(3)).then_some(Picture {
        width,
        height,
        pixels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PPM: &[u8] = b"P6\n2 1\n255\n\n\x01 \x00\x00\x00";

    #[test]
    fn pixels_become_a_png() {
        let bytes = png(PPM).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (2, 1));
        assert_eq!(pixels, &PPM[11..]);
    }

    #[test]
    fn other_files_are_refused() {
        for ppm in [
            &PPM[..PPM.len() - 1],
            b"P5\n1 1\n255\n0",
            b"P6\n1 1\n15\n000",
            b"",
        ] {
            assert!(png(ppm).is_err(), "{ppm:?}");
        }
    }

    #[test]
    fn a_dark_screen_is_told_apart() {
        assert!(lit(PPM));
        assert!(!lit(b"P6\n1 1\n255\n\0\0\0"));
    }

    #[test]
    fn the_name_says_the_format() {
        assert!(Screenshot::new(Path::new("a.png")).unwrap().png);
        assert!(!Screenshot::new(Path::new("a.ppm")).unwrap().png);
        assert!(Screenshot::new(Path::new("a.jpeg")).is_err());
    }
}
