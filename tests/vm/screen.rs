//! Text on a picture of the kernel's console, without knowing its font: two cells look the same
//! exactly where two characters are the same.

use std::collections::BTreeMap;
use std::path::Path;

/// Pixels of a character cell: the kernel's font on PCs.
const CELL: (usize, usize) = (8, 16);

/// A cell: which of its pixels are lit.
type Cell = Vec<bool>;

/// The character cells of a screen.
pub struct Screen {
    rows: Vec<Vec<Cell>>,
    /// Characters that are known by now.
    known: BTreeMap<char, Cell>,
}

impl Screen {
    /// Reads a PPM file with a text console on it.
    pub fn read(path: &Path) -> Self {
        let ppm = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut fields = ppm.splitn(4, u8::is_ascii_whitespace);
        let mut field = || fields.next().expect("a PPM header");
        assert_eq!(field(), b"P6");
        let mut number = || str::from_utf8(field()).unwrap().parse().unwrap();
        let (width, height): (usize, usize) = (number(), number());
        let pixels = field().strip_prefix(b"255\n").expect("8 bits a colour");
        let lit = |x: usize, y: usize| pixels[3 * (y * width + x)..][..3].iter().any(|v| *v > 64);
        let cell = |column: usize, row: usize| {
            let y = row * CELL.1..(row + 1) * CELL.1;
            let x = |y| (column * CELL.0..(column + 1) * CELL.0).map(move |x| (x, y));
            y.flat_map(x).map(|(x, y)| lit(x, y)).collect()
        };
        let row = |row| {
            (0..width / CELL.0)
                .map(|column| cell(column, row))
                .collect()
        };
        let rows = (0..height / CELL.1).map(row).collect();
        let blank = vec![false; CELL.0 * CELL.1];
        let known = BTreeMap::from([(' ', blank)]);
        Self { rows, known }
    }

    /// Whether the text is anywhere, in characters that look as those found before. So the first
    /// text that is asked for should be long.
    pub fn shows(&mut self, text: &str) -> bool {
        let length = text.chars().count();
        let places = self.rows.iter().flat_map(|row| row.windows(length));
        let found = places.into_iter().find_map(|cells| self.learn(text, cells));
        let shown = found.is_some();
        self.known = found.unwrap_or_else(|| std::mem::take(&mut self.known));
        shown
    }

    /// The known characters and those of `text`, when the cells can be that text.
    fn learn(&self, text: &str, cells: &[Cell]) -> Option<BTreeMap<char, Cell>> {
        let mut known = self.known.clone();
        for (character, cell) in text.chars().zip(cells) {
            let same = known.get(&character).is_some_and(|known| known == cell);
            let other = known.values().any(|known| known == cell);
            if same != other || known.contains_key(&character) != same {
                return None;
            }
            known.insert(character, cell.clone());
        }
        Some(known)
    }
}

#[test]
fn texts_are_told_apart_by_where_characters_repeat() {
    let cell = |number: u8| -> Cell { (0..128).map(|bit| bit == number).collect() };
    let blank: Cell = vec![false; 128];
    // "abba a"
    let row = vec![
        cell(1),
        cell(2),
        cell(2),
        cell(1),
        blank.clone(),
        cell(1),
        blank.clone(),
    ];
    let known = BTreeMap::from([(' ', blank)]);
    let mut screen = Screen {
        rows: vec![row],
        known,
    };
    for never in ["abab", "abba b", "aaaa", "abcd"] {
        assert!(!screen.shows(never), "{never}");
    }
    assert!(screen.shows("xyyx x"));
    assert!(screen.shows("yyx"));
    assert!(!screen.shows("xxy"));
}
