//! The key URI as a QR code, in SVG.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder, QRCode};
use zeroize::Zeroizing;

use super::uri::OtpauthUri;
use crate::secret::SecretString;

/// Light modules on each side (ISO/IEC 18004 §9.1 asks for four).
const QUIET: usize = 4;
/// Smallest width and height, in CSS pixels.
const MIN_PX: usize = 300;
/// Smallest width of a module, in CSS pixels: what a phone resolves at arm's length.
const MIN_MODULE_PX: usize = 4;

impl OtpauthUri {
    /// Draws the URI as a QR code: an SVG element to put into a page, or to serve as it is.
    ///
    /// At least 300 pixels wide and high, a quiet zone of four modules, black on white whatever the
    /// page's colours are. It has no script, no style and no reference to anything, so a page may
    /// hold it under `default-src 'none'`.
    ///
    /// # Errors
    ///
    /// [`TooLong`] when the URI does not fit a QR code (2,331 bytes): names of several hundred
    /// characters outside ASCII.
    ///
    /// # Security
    ///
    /// The picture is the key. Serve it with `Cache-Control: no-store`, once, to its owner.
    ///
    /// ```
    /// use tower_mfa::otp::{OtpauthUri, Secret, Totp};
    ///
    /// let secret = Secret::from_base32("HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ").unwrap();
    /// let uri = OtpauthUri::totp("ACME Co", "john", secret, Totp::default()).unwrap();
    /// let svg = uri.qr_svg().unwrap();
    /// assert!(svg.expose().starts_with("<svg "));
    /// assert!(!svg.expose().contains("style"));
    /// ```
    pub fn qr_svg(&self) -> Result<SecretString, TooLong> {
        let uri = self.print();
        let code = QRBuilder::new(uri.expose()).ecl(ECL::M).build().map_err(|_| TooLong)?;
        Ok(draw(&code))
    }
}

fn draw(code: &QRCode) -> SecretString {
    let side = code.size.saturating_add(2 * QUIET);
    let pixels = side.saturating_mul(MIN_PX.div_ceil(side).max(MIN_MODULE_PX));
    // A run of modules takes about a dozen bytes and is two modules long on average.
    let mut svg =
        Zeroizing::new(String::with_capacity(code.size.saturating_pow(2).saturating_mul(8).saturating_add(512)));
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{pixels}" height="{pixels}" viewBox="0 0 {side} {side}" shape-rendering="crispEdges" role="img" aria-label="QR code"><rect width="{side}" height="{side}" fill="#fff"/><path fill="#000" d=""##,
    );
    for (y, row) in code.data.chunks(code.size).take(code.size).enumerate() {
        let y = y.saturating_add(QUIET);
        let mut x = QUIET;
        for run in row.chunk_by(|a, b| a.value() == b.value()) {
            if run.first().is_some_and(|module| module.value()) {
                let _ = write!(svg, "M{x} {y}h{length}v1h-{length}z", length = run.len());
            }
            x = x.saturating_add(run.len());
        }
    }
    svg.push_str(r#""/></svg>"#);
    SecretString::new(svg.as_str())
}

/// The URI does not fit a QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key URI is too long for a QR code")]
#[non_exhaustive]
pub struct TooLong;
