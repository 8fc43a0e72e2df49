//! What an executor is given.

/// A forward pass as plain data: what an executor allocates, compiles and dispatches.
///
/// Values are 32-bit floats, rows of them, each filled up with zeros to a multiple of four. An executor makes a buffer of each of
/// [`buffers`](Self::buffers), writes rows of [`input_columns`](Self::input_columns) values to the one of [`Role::Input`], runs
/// the [`steps`](Self::steps) in order, and reads [`Role::Output`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The programs.
    pub kernels: Vec<Kernel>,
    /// The memory.
    pub buffers: Vec<Buffer>,
    /// The sizes that steps are given, a piece of [`UNIFORM`](Self::UNIFORM) bytes for each step.
    pub uniforms: Vec<u8>,
    /// What is dispatched, in this order; each sees what those before it have written.
    pub steps: Vec<Step>,
    /// Rows of the input.
    pub input_rows: usize,
    /// Values in each, with what fills it up.
    pub input_columns: usize,
    /// Rows of the output: embeddings, not normalized.
    pub output_rows: usize,
    /// Values in each, with what fills it up.
    pub output_columns: usize,
}

impl Plan {
    /// Bytes from one step's sizes to the next: the alignment that every GPU accepts.
    pub const UNIFORM: usize = 256;
}

/// A program in WGSL, with an entry point `main`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Kernel {
    /// For errors.
    pub label: String,
    /// The text. The same texts in other plans are the same pipelines.
    pub wgsl: String,
    /// The bindings 0, 1, … of its one group.
    pub bindings: Vec<Binding>,
}

/// How a kernel sees a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    ReadWrite,
    /// `var<uniform>`: the step's sizes.
    Uniform,
}

/// Memory on the GPU.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Buffer {
    /// In bytes.
    pub size: usize,
    /// What it is for.
    pub role: Role,
}

/// What memory is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// The weight of a linear layer, by its tensor's name: as it was given out while the model was loaded, the same in all plans.
    Weight(String),
    /// Constants, with these contents.
    Constants(Vec<f32>),
    /// What is written before the first step.
    Input,
    /// What is read after the last step.
    Output,
    /// What steps leave to each other.
    Scratch,
}

/// One dispatch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The index of its kernel.
    pub kernel: usize,
    /// The indices of the buffers of its bindings, the uniforms left out.
    pub buffers: Vec<usize>,
    /// Where its sizes begin in [`Plan::uniforms`].
    pub uniform: usize,
    /// Workgroups along x, y and z.
    pub workgroups: [u32; 3],
}

/// What kernels are chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tuning {
    /// A GPU.
    #[default]
    Hardware,
    /// A processor that does a GPU's work, as in tests.
    Software,
}
