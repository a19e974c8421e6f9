//! The ratios as a bar chart: SVG, readable on light and dark pages.

use super::report::digits;
use super::row::{Figure, Outcome, Row, Target};

/// Of all bars together, from the first tenth to the last ten-fold, in pixels.
const BARS: f64 = 400.0;
/// Where bars start, in pixels.
const LEFT: f64 = 220.0;
/// Of each bar with what is between, in pixels.
const STEP: f64 = 24.0;
/// Above the first bar, in pixels.
const TOP: f64 = 56.0;

/// Bars for the rows that say how many times as fast; the scale is logarithmic, so that twice as fast
/// and half as fast are as far from the peer.
pub fn svg(rows: &[&Row], outcomes: &[Outcome]) -> String {
    let bars: Vec<(&Row, f64)> = rows
        .iter()
        .zip(outcomes)
        .filter(|(row, _)| matches!(row.figure, Figure::Faster(..)))
        .filter_map(|(row, outcome)| Some((*row, outcome.ratio.filter(|ratio| *ratio > 0.0)?)))
        .collect();
    let ratios = bars.iter().map(|(_, ratio)| *ratio);
    let least = ratios.clone().fold(1.0, f64::min).log2().floor().min(-1.0);
    let most = ratios.fold(2.0, f64::max).log2().ceil();
    let x = |ratio: f64| LEFT + (ratio.log2().clamp(least, most) - least) / (most - least) * BARS;
    let height = TOP + STEP * bars.len() as f64 + 16.0;
    let mut body = String::new();
    for power in least as i32..=most as i32 {
        let at = x(2f64.powi(power));
        let class = if power == 0 { "peer" } else { "grid" };
        let (from, to) = (TOP - 6.0, height - 10.0);
        body.push_str(&format!(
            "<line class=\"{class}\" x1=\"{at:.1}\" y1=\"{from}\" x2=\"{at:.1}\" y2=\"{to}\"/>\n"
        ));
        let label = match power {
            0.. => format!("{}x", 1_u64 << power),
            _ => format!("1/{}", 1_u64 << -power),
        };
        body.push_str(&format!(
            "<text class=\"scale\" x=\"{at:.1}\" y=\"{}\">{label}</text>\n",
            TOP - 12.0
        ));
    }
    for (index, (row, ratio)) in bars.iter().enumerate() {
        let y = TOP + STEP * index as f64;
        let (one, end) = (x(1.0), x(*ratio));
        let (start, width) = (one.min(end), (end - one).abs().max(1.0));
        let class = match row.target.met(*ratio) {
            Some(false) => "missed",
            _ => "bar",
        };
        body.push_str(&format!(
            "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>\n\
             <rect class=\"{class}\" x=\"{start:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"16\"/>\n\
             <text class=\"ratio\" x=\"{:.1}\" y=\"{}\">{}x</text>\n",
            LEFT - 12.0,
            y + 12.0,
            escaped(row.id),
            one.max(end) + 6.0,
            y + 12.0,
            digits(*ratio),
        ));
        if let Target::AtLeast(target) = row.target {
            let at = x(target);
            body.push_str(&format!(
                "<line class=\"target\" x1=\"{at:.1}\" y1=\"{}\" x2=\"{at:.1}\" y2=\"{}\"/>\n",
                y - 2.0,
                y + 18.0
            ));
        }
    }
    let width = LEFT + BARS + 80.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>How many times as fast as its peers sealboot is</title>\n{STYLE}\
         <text class=\"head\" x=\"12\" y=\"22\">How many times as fast as its peers; short lines are \
         targets</text>\n{body}</svg>\n"
    )
}

/// Colours for both: a page that shows the picture says which it is. What no style is told about is
/// readable on either.
const STYLE: &str = "\
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600 }
.name { text-anchor: end }
.scale { text-anchor: middle; fill: #59636e }
.grid { stroke: #d1d9e0 }
.peer { stroke: #1f2328 }
.bar { fill: #1a7f37 }
.missed { fill: #bc4c00 }
.target { stroke: #0969da; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.scale { fill: #9198a1 }
.grid { stroke: #3d444d }
.peer { stroke: #f0f6fc }
.bar { fill: #3fb950 }
.missed { fill: #f0883e }
.target { stroke: #58a6ff }
}
</style>
";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::super::row::Found;
    use super::super::row::tests::ROW;
    use super::*;

    /// Every element is closed, in order: enough to tell a picture from a broken one.
    fn check_well_formed(text: &str) {
        let mut open = Vec::new();
        for part in text.split('<').skip(1) {
            let (tag, _) = part.split_once('>').expect(part);
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.split_whitespace().next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn bars_are_where_they_belong() {
        let slow = Row { id: "a<b&c", ..ROW };
        let rows = [&ROW, &slow, &ROW];
        let found = |ratio| Found {
            ours: 1.0,
            peer: Some(ratio),
            unit: "s",
            ratio,
        };
        let outcomes = [
            ROW.measured(found(8.0)),
            slow.measured(found(0.5)),
            ROW.not_measured("no peer"),
        ];
        let text = svg(&rows, &outcomes);
        check_well_formed(&text);
        // From 1/2 to 8 there are four doublings of 100 pixels; the peer is at one of them.
        assert!(
            text.contains("<rect class=\"bar\" x=\"320.0\" y=\"56\" width=\"300.0\""),
            "{text}"
        );
        assert!(
            text.contains("<rect class=\"missed\" x=\"220.0\" y=\"80\" width=\"100.0\""),
            "{text}"
        );
        assert_eq!(text.matches("<rect").count(), 2);
        assert!(text.contains("a&lt;b&amp;c") && text.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn nothing_measured_is_a_picture_too() {
        check_well_formed(&svg(&[&ROW], &[ROW.not_measured("no peer")]));
        check_well_formed(&svg(&[], &[]));
    }
}
