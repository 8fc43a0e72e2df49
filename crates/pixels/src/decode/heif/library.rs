//! libheif's functions that are needed, each wrapped so that what it hands out is freed once and outlives nothing.
//!
//! Declared here by its public header (<https://github.com/strukturag/libheif/blob/master/libheif/api/libheif/heif.h>): a
//! dozen functions whose signatures have not changed since version 1.12 of 2021.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut};

use super::broken;
use crate::limits::Limits;
use crate::{Error, ErrorKind, Result};

/// `struct heif_error`. The text is static, or the context's own until its next call.
#[repr(C)]
struct Status {
    code: c_int,
    subcode: c_int,
    message: *const c_char,
}

/// `heif_error_Unsupported_filetype`, `heif_error_Unsupported_feature`, `heif_error_Memory_allocation_error`.
const UNSUPPORTED: [c_int; 2] = [3, 4];
const MEMORY: c_int = 6;

/// `heif_suberror_Security_limit_exceeded`.
const LIMIT: c_int = 1000;

/// `heif_colorspace_RGB`, `heif_channel_interleaved`.
const RGB: c_int = 1;
const INTERLEAVED: c_int = 10;

/// What pixels are asked for: `heif_chroma_interleaved_RGB` or `…_RGBA`, 8 bits each.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Rgb = 10,
    Rgba = 11,
}

#[link(name = "heif")]
unsafe extern "C" {
    fn heif_context_alloc() -> *mut c_void;
    fn heif_context_free(context: *mut c_void);
    fn heif_context_set_maximum_image_size_limit(context: *mut c_void, side: c_int);
    fn heif_context_read_from_memory_without_copy(
        context: *mut c_void,
        bytes: *const c_void,
        length: usize,
        options: *const c_void,
    ) -> Status;
    fn heif_context_get_primary_image_handle(context: *mut c_void, handle: *mut *mut c_void) -> Status;
    fn heif_image_handle_release(handle: *const c_void);
    fn heif_image_handle_get_width(handle: *const c_void) -> c_int;
    fn heif_image_handle_get_height(handle: *const c_void) -> c_int;
    fn heif_image_handle_has_alpha_channel(handle: *const c_void) -> c_int;
    fn heif_image_handle_is_premultiplied_alpha(handle: *const c_void) -> c_int;
    fn heif_decode_image(
        handle: *const c_void,
        image: *mut *mut c_void,
        space: c_int,
        chroma: c_int,
        options: *const c_void,
    ) -> Status;
    fn heif_image_release(image: *const c_void);
    fn heif_image_get_width(image: *const c_void, channel: c_int) -> c_int;
    fn heif_image_get_height(image: *const c_void, channel: c_int) -> c_int;
    fn heif_image_get_plane_readonly(image: *const c_void, channel: c_int, stride: *mut c_int) -> *const u8;
}

impl Status {
    fn check(self) -> Result<()> {
        if self.code == 0 {
            return Ok(());
        }
        let text = if self.message.is_null() {
            String::new()
        } else {
            // SAFETY: libheif's messages end with a zero, and this one is read before its context is used again.
            unsafe { CStr::from_ptr(self.message) }.to_string_lossy().into_owned()
        };
        let kind = match self.code {
            _ if self.subcode == LIMIT => ErrorKind::TooLarge,
            MEMORY => ErrorKind::OutOfMemory,
            code if UNSUPPORTED.contains(&code) => ErrorKind::UnsupportedFormat,
            _ => ErrorKind::Decode,
        };
        Err(Error::new(kind, format!("HEIC that libheif does not read: {text}")))
    }
}

/// A file that is being read.
pub(super) struct Context<'a> {
    context: NonNull<c_void>,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Context<'a> {
    pub(super) fn of(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        // SAFETY: it takes nothing; null is checked.
        let context = NonNull::new(unsafe { heif_context_alloc() })
            .ok_or_else(|| Error::new(ErrorKind::OutOfMemory, "no memory for a HEIC picture"))?;
        let context = Self { context, bytes: PhantomData };
        // Squared, it bounds what the coded data say, which are padded to whole blocks; the header is checked exactly.
        let side = (2.0 * (limits.max_pixels as f64).sqrt() + 64.0).min(f64::from(u16::MAX)) as c_int;
        // SAFETY: the context is alive.
        unsafe { heif_context_set_maximum_image_size_limit(context.context.as_ptr(), side) };
        // SAFETY: `bytes` are that long, and are borrowed for as long as the context lives; no options are allowed.
        unsafe {
            heif_context_read_from_memory_without_copy(
                context.context.as_ptr(),
                bytes.as_ptr().cast(),
                bytes.len(),
                null(),
            )
        }
        .check()?;
        Ok(context)
    }

    pub(super) fn primary_image(&self) -> Result<Handle<'_>> {
        let mut handle = null_mut();
        // SAFETY: the context is alive, and there is space for the handle.
        unsafe { heif_context_get_primary_image_handle(self.context.as_ptr(), &mut handle) }.check()?;
        let handle = NonNull::new(handle).ok_or_else(|| broken("no picture"))?;
        Ok(Handle { handle, context: PhantomData })
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: it came from `heif_context_alloc`, and handles and images borrow it, so are gone.
        unsafe { heif_context_free(self.context.as_ptr()) }
    }
}

/// A picture whose header has been read.
pub(super) struct Handle<'a> {
    handle: NonNull<c_void>,
    context: PhantomData<&'a ()>,
}

impl Handle<'_> {
    /// Upright width and height.
    pub(super) fn size(&self) -> (u64, u64) {
        let handle = self.handle.as_ptr();
        // SAFETY: the handle is alive.
        let size = unsafe { (heif_image_handle_get_width(handle), heif_image_handle_get_height(handle)) };
        (u64::try_from(size.0).unwrap_or(0), u64::try_from(size.1).unwrap_or(0))
    }

    pub(super) fn has_alpha(&self) -> bool {
        // SAFETY: the handle is alive.
        unsafe { heif_image_handle_has_alpha_channel(self.handle.as_ptr()) != 0 }
    }

    pub(super) fn is_premultiplied(&self) -> bool {
        // SAFETY: the handle is alive.
        unsafe { heif_image_handle_is_premultiplied_alpha(self.handle.as_ptr()) != 0 }
    }

    pub(super) fn decode(&self, kind: Kind) -> Result<Decoded<'_>> {
        let mut image = null_mut();
        // SAFETY: the handle is alive, and there is space for the image; null stands for the usual options.
        unsafe { heif_decode_image(self.handle.as_ptr(), &mut image, RGB, kind as c_int, null()) }.check()?;
        let image = NonNull::new(image).ok_or_else(|| broken("no pixels"))?;
        Ok(Decoded { image, handle: PhantomData })
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        // SAFETY: it is released once, here.
        unsafe { heif_image_handle_release(self.handle.as_ptr()) }
    }
}

/// Decoded pixels.
pub(super) struct Decoded<'a> {
    image: NonNull<c_void>,
    handle: PhantomData<&'a ()>,
}

impl Decoded<'_> {
    /// The rows of a picture of `width`×`height` pixels of so many bytes; there may be padding at their ends.
    ///
    /// # Errors
    /// `Decode` where it is of another size.
    pub(super) fn rows(&self, width: usize, height: usize, channels: usize) -> Result<impl Iterator<Item = &[u8]>> {
        let image = self.image.as_ptr();
        // SAFETY: the image is alive.
        let size = unsafe { (heif_image_get_width(image, INTERLEAVED), heif_image_get_height(image, INTERLEAVED)) };
        if (usize::try_from(size.0), usize::try_from(size.1)) != (Ok(width), Ok(height)) {
            return Err(broken("its pixels are fewer or more than its header says"));
        }
        let row = width * channels;
        let mut stride = 0;
        // SAFETY: the image is alive, and there is space for the stride.
        let start = unsafe { heif_image_get_plane_readonly(image, INTERLEAVED, &mut stride) };
        let stride = usize::try_from(stride).unwrap_or(0);
        if start.is_null() || stride < row {
            return Err(broken("no pixels"));
        }
        // Where addresses have 32 bits, a stride that can't be would wrap.
        let length = stride.checked_mul(height - 1).and_then(|above| above.checked_add(row));
        let length = length.filter(|&length| isize::try_from(length).is_ok()).ok_or_else(|| broken("no pixels"))?;
        // SAFETY: the plane has `height` rows, `stride` bytes apart, and lives as long as the image, which is borrowed.
        let bytes = unsafe { std::slice::from_raw_parts(start, length) };
        Ok(bytes.chunks(stride).map(move |from| &from[..row]))
    }
}

impl Drop for Decoded<'_> {
    fn drop(&mut self) {
        // SAFETY: it is released once, here.
        unsafe { heif_image_release(self.image.as_ptr()) }
    }
}
