//! One image from the bytes of a PNG or JPEG file.
//!
//! Plain instructions decode, not those of the processor at hand: the same file gives the same pixels on every machine, and so
//! the same benchmark.

use std::io::Cursor;
use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;
use zune_png::PngDecoder;

use super::npz::channels_first;
use super::{Error, ImageShape};

/// The most rows and columns of an image.
const LONGEST_SIDE: usize = 2_048;
/// What every PNG file begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Decodes an image; the path is what errors call it. The bytes decide the format, not the name.
///
/// Pixels of 16 bits lose the lower eight. An alpha channel is left out where it hides nothing.
///
/// # Shapes
///
/// - returns: `[channels, height, width]`, one channel or three
///
/// # Errors
///
/// [`Error::Decode`] if the bytes are no whole image of at most 2,048 × 2,048 pixels, [`Error::File`] if it is neither grey nor
/// red, green and blue.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<(ImageShape, Vec<u8>), Error> {
    let colours = |found: &str| Error::file(path, format!("has {found}, expected grey or red, green and blue"));
    let (colour_space, [width, height], pixels) =
        if bytes.starts_with(PNG) { png(bytes) } else { jpeg(bytes) }.map_err(|reason| {
            let reason = reason.trim().trim_matches('"').to_owned();
            Error::Decode { path: path.to_owned(), reason }
        })?;
    let (channels, has_alpha) = match colour_space {
        ColorSpace::Luma => (1, false),
        ColorSpace::LumaA => (1, true),
        ColorSpace::RGB => (3, false),
        ColorSpace::RGBA => (3, true),
        other => return Err(colours(&format!("the colours {other:?}"))),
    };
    let pixels = if has_alpha { opaque(&pixels, channels).ok_or_else(|| colours("translucent pixels"))? } else { pixels };
    let shape = ImageShape { channels, height, width };
    Ok((shape, channels_first(pixels, shape)))
}

/// The colours of pixels, if all of them are opaque.
fn opaque(pixels: &[u8], channels: usize) -> Option<Vec<u8>> {
    let pixels = pixels.chunks_exact(channels + 1);
    let colours = |pixel: &[u8]| (pixel[channels] == u8::MAX).then(|| pixel[..channels].to_vec());
    Some(pixels.map(colours).collect::<Option<Vec<_>>>()?.concat())
}

/// What a decoder gives: the colours, width and height, the pixels with their channels side by side; or a reason.
type Decoded = Result<(ColorSpace, [usize; 2], Vec<u8>), String>;

fn png(bytes: &[u8]) -> Decoded {
    let options = options().png_set_strip_to_8bit(true).png_set_decode_animated(false);
    let mut decoder = PngDecoder::new_with_options(Cursor::new(bytes), options);
    let pixels = decoder.decode_raw().map_err(|error| error.to_string())?;
    let (colours, size) = decoder.colorspace().zip(decoder.dimensions()).ok_or("it has no header")?;
    Ok((colours, size.into(), pixels))
}

fn jpeg(bytes: &[u8]) -> Decoded {
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options());
    decoder.decode_headers().map_err(|error| error.to_string())?;
    let colours = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => ColorSpace::Luma,
        Some(ColorSpace::YCbCr | ColorSpace::RGB) => ColorSpace::RGB,
        other => return Ok((other.unwrap_or(ColorSpace::Unknown), [1, 1], Vec::new())),
    };
    decoder.set_options(options().jpeg_set_out_colorspace(colours));
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let size = decoder.dimensions().ok_or("it has no header")?;
    Ok((colours, size.into(), pixels))
}

fn options() -> DecoderOptions {
    let options = DecoderOptions::default().set_max_width(LONGEST_SIDE).set_max_height(LONGEST_SIDE);
    // Strictly, or a file that was cut off would be an image with a grey end.
    options.set_use_unsafe(false).set_strict_mode(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    macro_rules! picture {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/data/own/pictures/", $name)).as_slice()
        };
    }

    const ALL: [&[u8]; 11] = [
        picture!("grey.png"),
        picture!("colour.png"),
        picture!("deep.png"),
        picture!("black-and-white.png"),
        picture!("palette.png"),
        picture!("opaque.png"),
        picture!("translucent.png"),
        picture!("grey.jpg"),
        picture!("colour.jpeg"),
        picture!("progressive.jpg"),
        picture!("print.jpg"),
    ];

    fn decoded(bytes: &[u8]) -> Result<(ImageShape, Vec<u8>), Error> {
        decode(Path::new("cat.png"), bytes)
    }

    fn message(bytes: &[u8]) -> String {
        decoded(bytes).unwrap_err().to_string()
    }

    const GREY: ImageShape = ImageShape { channels: 1, height: 4, width: 5 };
    const COLOUR: ImageShape = ImageShape { channels: 3, ..GREY };

    #[test]
    fn grey_images_of_eight_sixteen_and_one_bit_are_read() {
        let expected: Vec<u8> = (0..20).collect();
        assert_eq!(decoded(picture!("grey.png")).unwrap(), (GREY, expected.clone()));
        assert_eq!(decoded(picture!("deep.png")).unwrap(), (GREY, expected.clone()));
        let black_and_white = expected.iter().map(|&x| if x > 9 { 255 } else { 0 }).collect();
        assert_eq!(decoded(picture!("black-and-white.png")).unwrap(), (GREY, black_and_white));
    }

    #[test]
    fn colours_come_as_planes_whatever_the_file_has() {
        let expected: Vec<u8> = (0..20).chain(100..120).chain(200..220).collect();
        for bytes in [picture!("colour.png"), picture!("palette.png"), picture!("opaque.png")] {
            assert_eq!(decoded(bytes).unwrap(), (COLOUR, expected.clone()));
        }
    }

    #[test]
    fn jpeg_files_are_read_baseline_or_progressive() {
        assert_eq!(decoded(picture!("grey.jpg")).unwrap(), (GREY, vec![77; 20]));
        for bytes in [picture!("colour.jpeg"), picture!("progressive.jpg")] {
            let (shape, pixels) = decoded(bytes).unwrap();
            assert_eq!(shape, COLOUR);
            for (plane, expected) in pixels.chunks(20).zip([200, 100, 50_u8]) {
                assert!(plane.iter().all(|pixel| pixel.abs_diff(expected) <= 1), "{plane:?}, expected {expected}");
            }
        }
    }

    #[test]
    fn other_colours_are_refused() {
        assert_eq!(
            message(picture!("translucent.png")),
            "`cat.png` has translucent pixels, expected grey or red, green and blue"
        );
        let print = message(picture!("print.jpg"));
        assert!(
            print.starts_with("`cat.png` has the colours ") && print.ends_with(", expected grey or red, green and blue"),
            "{print}"
        );
    }

    #[test]
    fn what_is_no_whole_image_is_refused() {
        for bytes in [&b""[..], b"GIF89a", b"\xff\xd8\xff", PNG] {
            assert!(message(bytes).starts_with("could not decode `cat.png`: "), "{bytes:?}");
        }
        for bytes in ALL {
            assert!(decoded(&bytes[..bytes.len() / 2]).is_err());
        }
    }

    #[test]
    fn a_boastful_header_is_refused_before_memory_is_taken() {
        let mut bytes = picture!("grey.png").to_vec();
        bytes[16..24].copy_from_slice(&[0, 0, 127, 255, 0, 0, 127, 255]);
        // The sum of the header fits, so that only its size is wrong.
        let sum = crc32fast::hash(&bytes[12..29]).to_be_bytes();
        bytes[29..33].copy_from_slice(&sum);
        assert!(message(&bytes).contains("32767, larger than maximum configured width 2048"), "{}", message(&bytes));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_image_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decoded(&bytes);
            let _ = decoded(&[PNG, &bytes].concat());
            let _ = decoded(&[b"\xff\xd8\xff", &bytes[..]].concat());
        }

        #[test]
        fn a_changed_or_cut_image_never_panics(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            end in any::<prop::sample::Index>(),
        ) {
            for file in ALL {
                let mut bytes = file.to_vec();
                for (at, value) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *value;
                }
                let _ = decoded(&bytes);
                let _ = decoded(&file[..end.index(file.len())]);
            }
        }
    }
}
