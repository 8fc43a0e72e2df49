//! What the worker's executor (`web/worker/gpu`) is given of a model whose weights are on a GPU: plans as plain data, what goes into a
//! pass, and what its output means. Nothing here talks to a GPU.

use super::loader::ModelLoader;
use super::vision::PreparedPhoto;
use super::{Model, answer, thrown};
use clip_vision::gpu::{Binding, Plan, Probe, Role, Tuning, Verdict};
use js_sys::{Float32Array, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A pass: what is allocated, compiled and dispatched (`clip_vision::gpu::Plan`). */
export interface WirePlan {
  kernels: { label: string; wgsl: string; bindings: ("read" | "readWrite" | "uniform")[] }[];
  buffers: {
    /** In bytes. */
    size: number;
    role: "weight" | "constants" | "input" | "output" | "scratch";
    /** The tensor's name. */
    weight?: string;
    /** The constants' values. */
    values?: Float32Array;
  }[];
  /** The sizes that steps are given. */
  uniforms: Uint8Array;
  steps: {
    kernel: number;
    /** Of the kernel's bindings, the uniforms left out. */
    buffers: number[];
    /** Where its sizes begin. */
    uniform: number;
    workgroups: [number, number, number];
  }[];
  /** Values of the input and of the output. */
  inputLength: number;
  outputLength: number;
}
/** The weight of a linear layer, by its tensor's name, as the kernels read it. */
export interface WireMatrix { name: string; bytes: Uint8Array }
/** What a probe found. */
export interface WireVerdict {
  /** Whether the GPU may be trusted. */
  right: boolean;
  /** The least cosine of its embeddings and the processor's. */
  cosine: number;
}
/** A text for a plan of so many tokens. */
export interface WireTextInput { tokens: number; values: Float32Array }
"#;

#[wasm_bindgen]
extern "C" {
    /// A pass.
    #[wasm_bindgen(typescript_type = "WirePlan")]
    pub type WirePlan;
    /// Weights.
    #[wasm_bindgen(typescript_type = "WireMatrix[]")]
    pub type WireMatrices;
    /// What a probe found.
    #[wasm_bindgen(typescript_type = "WireVerdict")]
    pub type WireVerdict;
    /// A text.
    #[wasm_bindgen(typescript_type = "WireTextInput")]
    pub type WireTextInput;
}

#[derive(Serialize)]
struct KernelAnswer<'a> {
    label: &'a str,
    wgsl: &'a str,
    bindings: Vec<&'static str>,
}

#[derive(Serialize)]
struct BufferAnswer<'a> {
    size: usize,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<&'a str>,
    #[serde(with = "serde_wasm_bindgen::preserve", skip_serializing_if = "JsValue::is_undefined")]
    values: JsValue,
}

#[derive(Serialize)]
struct StepAnswer<'a> {
    kernel: usize,
    buffers: &'a [usize],
    uniform: usize,
    workgroups: [u32; 3],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanAnswer<'a> {
    kernels: Vec<KernelAnswer<'a>>,
    buffers: Vec<BufferAnswer<'a>>,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    uniforms: Uint8Array,
    steps: Vec<StepAnswer<'a>>,
    input_length: usize,
    output_length: usize,
}

#[derive(Serialize)]
struct MatrixAnswer {
    name: String,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    bytes: Uint8Array,
}

#[derive(Serialize)]
struct VerdictAnswer {
    right: bool,
    cosine: f64,
}

#[derive(Serialize)]
struct TextAnswer {
    tokens: usize,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    values: Float32Array,
}

/// The plan of a pass: what the executor is given of it, and what its output is read by.
#[wasm_bindgen]
pub struct PassPlan(Plan);

#[wasm_bindgen]
impl PassPlan {
    /// All that the executor needs. The constants are given out once: afterwards they are the GPU's.
    pub fn take(&mut self) -> Result<WirePlan, JsValue> {
        let Plan { kernels, buffers, uniforms, steps, .. } = &self.0;
        let kernels = kernels.iter().map(|kernel| KernelAnswer {
            label: &kernel.label,
            wgsl: &kernel.wgsl,
            bindings: kernel.bindings.iter().map(|binding| binding_name(*binding)).collect(),
        });
        let buffers = buffers.iter().map(|buffer| BufferAnswer {
            size: buffer.size,
            role: role_name(&buffer.role),
            weight: match &buffer.role {
                Role::Weight(name) => Some(name),
                _ => None,
            },
            values: match &buffer.role {
                Role::Constants(values) => Float32Array::from(values.as_slice()).into(),
                _ => JsValue::UNDEFINED,
            },
        });
        let steps = steps.iter().map(|step| StepAnswer {
            kernel: step.kernel,
            buffers: &step.buffers,
            uniform: step.uniform,
            workgroups: step.workgroups,
        });
        let wire = answer(&PlanAnswer {
            kernels: kernels.collect(),
            buffers: buffers.collect(),
            uniforms: Uint8Array::from(uniforms.as_slice()),
            steps: steps.collect(),
            input_length: self.0.input_rows * self.0.input_columns,
            output_length: self.0.output_rows * self.0.output_columns,
        });
        for buffer in &mut self.0.buffers {
            if let Role::Constants(values) = &mut buffer.role {
                *values = Vec::new();
            }
        }
        wire.map_err(thrown)
    }
}

fn binding_name(binding: Binding) -> &'static str {
    match binding {
        Binding::Read => "read",
        Binding::ReadWrite => "readWrite",
        Binding::Uniform => "uniform",
    }
}

fn role_name(role: &Role) -> &'static str {
    match role {
        Role::Weight(_) => "weight",
        Role::Constants(_) => "constants",
        Role::Input => "input",
        Role::Output => "output",
        Role::Scratch => "scratch",
    }
}

fn tuning(software: bool) -> Tuning {
    if software { Tuning::Software } else { Tuning::Hardware }
}

fn matrices(matrices: Vec<(String, Vec<u8>)>) -> Result<WireMatrices, JsValue> {
    let wire = |(name, bytes): (String, Vec<u8>)| MatrixAnswer { name, bytes: Uint8Array::from(bytes.as_slice()) };
    let matrices: Vec<MatrixAnswer> = matrices.into_iter().map(wire).collect();
    answer(&matrices).map_err(thrown)
}

#[wasm_bindgen]
impl ModelLoader {
    /// The weights that have arrived since the last call, of a loader with the option `plans`.
    #[wasm_bindgen(js_name = takeMatrices)]
    pub fn take_matrices(&mut self) -> Result<WireMatrices, JsValue> {
        matrices(self.0.take_matrices())
    }

    /// The shape of the model's vision tower, in words by which a verdict is kept; undefined while its file has not said it.
    pub fn shape(&self) -> Option<String> {
        self.0.shape()
    }

    /// A probe of that shape; undefined of a model of texts alone.
    pub fn probe(&self) -> Result<Option<GpuProbe>, JsValue> {
        self.0.probe().map(|probe| probe.map(GpuProbe)).map_err(thrown)
    }
}

/// What a GPU and the processor compute of made-up weights of a model's shape.
#[wasm_bindgen]
pub struct GpuProbe(Probe);

#[wasm_bindgen]
impl GpuProbe {
    /// Its weights, once.
    #[wasm_bindgen(js_name = takeMatrices)]
    pub fn take_matrices(&mut self) -> Result<WireMatrices, JsValue> {
        matrices(self.0.take_matrices())
    }

    /// Its pass over so many photos.
    pub fn plan(&self, count: usize, software: bool) -> Result<PassPlan, JsValue> {
        self.0.plan(count, tuning(software)).map(PassPlan).map_err(thrown)
    }

    /// What that pass begins with.
    pub fn input(&self, count: usize) -> Result<Float32Array, JsValue> {
        let values = self.0.input(count).map_err(thrown)?;
        Ok(Float32Array::from(values.as_slice()))
    }

    /// Computes a photo here, for whoever takes the time of it.
    pub fn compute(&self) -> Result<(), JsValue> {
        self.0.on_processor(0).map(drop).map_err(thrown)
    }

    /// Compares what a plan has given, in two runs.
    pub fn check(&self, plan: &PassPlan, first: &[f32], second: &[f32]) -> Result<WireVerdict, JsValue> {
        let Verdict { right, cosine, .. } = self.0.check(&plan.0, first, second);
        answer(&VerdictAnswer { right, cosine }).map_err(thrown)
    }
}

#[wasm_bindgen]
impl Model {
    /// The plan of a pass over so many photos, on a GPU or on `software` in its place.
    #[wasm_bindgen(js_name = photoPlan)]
    pub fn photo_plan(&self, count: usize, software: bool) -> Result<PassPlan, JsValue> {
        self.0.plan(count, tuning(software)).map(PassPlan).map_err(thrown)
    }

    /// What a photo is in a plan's input.
    #[wasm_bindgen(js_name = photoInput)]
    pub fn photo_input(&self, photo: &PreparedPhoto) -> Result<Float32Array, JsValue> {
        let values = self.0.plan_input(&[&photo.pixels]).map_err(thrown)?;
        Ok(Float32Array::from(values.as_slice()))
    }

    /// The embeddings that a plan gave, one after the other.
    #[wasm_bindgen(js_name = photoOutput)]
    pub fn photo_output(&self, plan: &PassPlan, values: &[f32]) -> Result<Float32Array, JsValue> {
        let embeddings = self.0.plan_output(&plan.0, values).map_err(thrown)?;
        Ok(Float32Array::from(embeddings.concat().as_slice()))
    }

    /// The plan of a pass over a text of so many tokens.
    #[wasm_bindgen(js_name = textPlan)]
    pub fn text_plan(&self, tokens: usize, software: bool) -> Result<PassPlan, JsValue> {
        let plan = self.0.text().and_then(|text| text.plan(tokens, tuning(software)));
        plan.map(PassPlan).map_err(thrown)
    }

    /// What a text is in a plan's input, of its token ids; and the tokens of the plan that it is for.
    #[wasm_bindgen(js_name = textInput)]
    pub fn text_input(&self, ids: &[u32]) -> Result<WireTextInput, JsValue> {
        let (tokens, values) = self.0.text().and_then(|text| text.plan_input(ids)).map_err(thrown)?;
        answer(&TextAnswer { tokens, values: Float32Array::from(values.as_slice()) }).map_err(thrown)
    }

    /// The embedding that a plan gave.
    #[wasm_bindgen(js_name = textOutput)]
    pub fn text_output(&self, plan: &PassPlan, values: &[f32]) -> Result<Float32Array, JsValue> {
        let embedding = self.0.text().and_then(|text| text.plan_output(&plan.0, values)).map_err(thrown)?;
        Ok(Float32Array::from(embedding.as_slice()))
    }
}
