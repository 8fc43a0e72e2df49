//! Memory of the kernels: aligned, grown on demand, kept between calls; and the pointer by which tasks share a result.

use crate::error::{Error, Result};

/// A cache line, which is also the widest vector.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Plain values that any bit pattern is valid for.
///
/// # Safety
/// All zero bits is a value, as is every other pattern, and the alignment divides 64.
pub unsafe trait Plain: Copy + 'static {}
// SAFETY: numbers.
unsafe impl Plain for f32 {}
// SAFETY: numbers.
unsafe impl Plain for i32 {}
// SAFETY: numbers.
unsafe impl Plain for i8 {}
// SAFETY: numbers.
unsafe impl Plain for u8 {}

/// A slice of plain values that begins at a cache line. New elements are zero.
pub struct Buffer<T> {
    lines: Vec<Line>,
    len: usize,
    kind: std::marker::PhantomData<T>,
}

impl<T: Plain> Default for Buffer<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Plain> Buffer<T> {
    /// No elements.
    pub const fn new() -> Self {
        Self { lines: Vec::new(), len: 0, kind: std::marker::PhantomData }
    }

    /// `len` zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn zeroed(len: usize) -> Result<Self> {
        let mut buffer = Self::new();
        buffer.grow(len)?;
        Ok(buffer)
    }

    /// A slice of `len` elements with arbitrary contents; grows if there are fewer.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn at_least(&mut self, len: usize) -> Result<&mut [T]> {
        if self.len < len {
            self.grow(len)?;
        }
        Ok(&mut self.as_mut()[..len])
    }

    fn grow(&mut self, len: usize) -> Result<()> {
        let out_of_memory = || Error::OutOfMemory(format!("{len} elements for the kernels"));
        let bytes = len.checked_mul(size_of::<T>()).ok_or_else(out_of_memory)?;
        let lines = bytes.div_ceil(size_of::<Line>());
        self.lines.try_reserve_exact(lines.saturating_sub(self.lines.len())).map_err(|_| out_of_memory())?;
        self.lines.resize(lines, Line([0; 64]));
        self.len = len;
        Ok(())
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }
}

impl<T: Plain> AsRef<[T]> for Buffer<T> {
    fn as_ref(&self) -> &[T] {
        // SAFETY: `grow` made the lines cover `len` elements, of which every bit pattern is valid.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> AsMut<[T]> for Buffer<T> {
    fn as_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `as_ref`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// A pointer into a result that several tasks write, each its own part.
#[derive(Clone, Copy)]
pub struct Shared<T>(*mut T);

// SAFETY: it is only an address; what is done with it is unsafe at its place, and says why tasks don't collide.
unsafe impl<T> Send for Shared<T> {}
// SAFETY: as for Send.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// To the first value of a slice.
    pub fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// To where `pointer` points.
    pub fn at(pointer: *mut T) -> Self {
        Self(pointer)
    }

    /// The pointer.
    pub fn get(self) -> *mut T {
        self.0
    }
}
