//! The loader of a model, or of its text tower: files that arrive in ranges, and the recording of what is loaded.
//!
//! Offsets and sizes are numbers: whole ones, far below 2⁵³.

use super::{LoaderOptions, Model, malformed, thrown};
use clip_vision::image::{Limits, PreprocessConfig};
use clip_vision::model::{ConvertOptions, Loader, TOKENIZER_FILES};
use clip_vision::{Options, Result};
use js_sys::Uint8Array;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

/// The end of a recording.
#[wasm_bindgen]
pub struct RecordedFile {
    header: Vec<u8>,
    checksum: u32,
}

#[wasm_bindgen]
impl RecordedFile {
    /// What belongs at the beginning of the file.
    #[wasm_bindgen(getter)]
    pub fn header(&self) -> Uint8Array {
        Uint8Array::from(self.header.as_slice())
    }

    /// CRC-32 of the whole file.
    #[wasm_bindgen(getter)]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoaderArguments {
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    config: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    preprocessor: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    processor: JsValue,
    precision: Option<String>,
    normalize: Option<bool>,
    plans: Option<bool>,
    max_bytes: Option<f64>,
    max_pixels: Option<f64>,
}

impl LoaderArguments {
    fn options(&self) -> Result<Options> {
        let precision = self.precision.as_deref().map(str::parse).transpose()?.unwrap_or_default();
        let limits = limits(self.max_bytes, self.max_pixels);
        Ok(Options::default()
            .precision(precision)
            .normalize(self.normalize.unwrap_or(true))
            .plans(self.plans.unwrap_or(false))
            .limits(limits))
    }
}

/// The limits on a photo, of encoded bytes and decoded pixels; the defaults where there are none.
pub(super) fn limits(max_bytes: Option<f64>, max_pixels: Option<f64>) -> Limits {
    let mut limits = Limits::default();
    if let Some(bytes) = max_bytes {
        limits.max_bytes = bytes as u64;
    }
    if let Some(pixels) = max_pixels {
        limits.max_pixels = pixels as u64;
    }
    limits
}

fn bytes(value: &JsValue) -> Option<Vec<u8>> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec)
}

/// The content of a file by its name.
fn content(name: &str, names: &[String], contents: &[Uint8Array]) -> Option<Vec<u8>> {
    let at = names.iter().position(|given| given == name)?;
    contents.get(at).map(Uint8Array::to_vec)
}

/// Makes a model of weights that stream in, or the text tower of one.
#[wasm_bindgen]
pub struct ModelLoader(pub(super) Loader);

#[wasm_bindgen]
impl ModelLoader {
    /// Reads the configuration.
    #[wasm_bindgen(constructor)]
    pub fn new(options: LoaderOptions) -> Result<Self, JsValue> {
        let arguments: LoaderArguments =
            serde_wasm_bindgen::from_value(options.into()).map_err(malformed).map_err(thrown)?;
        let [config, preprocessor, processor] =
            [&arguments.config, &arguments.preprocessor, &arguments.processor].map(bytes);
        let preprocessor = PreprocessConfig::file_of(processor.as_deref(), preprocessor.as_deref());
        let loader = arguments.options().and_then(|options| match config {
            Some(config) => Loader::new(&config, preprocessor, options),
            None => Loader::for_converted(options),
        });
        loader.map(Self).map_err(thrown)
    }

    /// A loader that keeps nothing, and records the model in `precision` as the command `convert` writes it, with the files of the
    /// tokenizer: `names` of them and their `contents`; without any, those that the weights carry along.
    #[wasm_bindgen(js_name = forConversion)]
    pub fn for_conversion(
        options: LoaderOptions,
        precision: &str,
        vision_only: bool,
        source: &str,
        names: Vec<String>,
        contents: Vec<Uint8Array>,
    ) -> Result<Self, JsValue> {
        let LoaderArguments { config, preprocessor, processor, .. } =
            serde_wasm_bindgen::from_value(options.into()).map_err(malformed).map_err(thrown)?;
        let [config, preprocessor, processor] = [&config, &preprocessor, &processor].map(bytes);
        let preprocessor = PreprocessConfig::file_of(processor.as_deref(), preprocessor.as_deref());
        let files = TOKENIZER_FILES.map(|name| content(name, &names, &contents));
        let loader = precision.parse().and_then(|precision| {
            let options = ConvertOptions::default().precision(precision).vision_only(vision_only);
            Loader::for_conversion(config.as_deref(), preprocessor, options, source, files)
        });
        loader.map(Self).map_err(thrown)
    }

    /// Records what is loaded, for a loader without configuration to load it again, with the files of the tokenizer:
    /// `names` of them and their `contents`.
    pub fn record(&mut self, source: &str, names: Vec<String>, contents: Vec<Uint8Array>) {
        let files =
            TOKENIZER_FILES.into_iter().filter_map(|name| Some((name, content(name, &names, &contents)?))).collect();
        self.0.record(source, files);
    }

    /// Leaves the table of a text tower's tokens in its file if it takes more than `bytes` in single precision.
    #[wasm_bindgen(js_name = leaveTableOver)]
    pub fn leave_table_over(&mut self, bytes: f64) {
        self.0.leave_table_over(bytes as usize);
    }

    /// The model, once all pieces are there.
    pub fn finish(self) -> Result<Model, JsValue> {
        self.0.finish().map(Model).map_err(thrown)
    }

    /// Says that the weights are in several files: model.safetensors.index.json.
    #[wasm_bindgen(js_name = setIndex)]
    pub fn set_index(&mut self, json: &[u8]) -> Result<(), JsValue> {
        self.0.set_index(json).map_err(thrown)
    }

    /// The ONNX files that may hold what is read, by their names beside config.json, the best for the precision first; several
    /// that belong together in one text, a line each.
    #[wasm_bindgen(js_name = onnxFiles)]
    pub fn onnx_files(&self) -> Vec<String> {
        self.0.onnx_choices().into_iter().map(|files| files.join("\n")).collect()
    }

    /// Says that the weights are in these ONNX files, as `onnxFiles` names them.
    #[wasm_bindgen(js_name = setOnnxFiles)]
    pub fn set_onnx_files(&mut self, files: &str) {
        self.0.set_onnx_files(files.lines().map(str::to_owned).collect());
    }

    /// The name of the file whose pieces come next.
    pub fn file(&self) -> String {
        self.0.file().to_owned()
    }

    /// Where the bytes to read next begin and end; undefined once everything that is wanted of the file is there.
    pub fn wanted(&self) -> Option<Vec<f64>> {
        self.0.wanted().map(|range| vec![range.start as f64, range.end as f64])
    }

    /// Bytes of the file that are still wanted, once its header has come.
    pub fn left(&self) -> Option<f64> {
        self.0.left().map(|left| left as f64)
    }

    /// Bytes that are wanted of the files after it, about; once its header has come.
    #[wasm_bindgen(js_name = leftAfter)]
    pub fn left_after(&self) -> Option<f64> {
        self.0.left_after().map(|left| left as f64)
    }

    /// Says how long the file is.
    #[wasm_bindgen(js_name = setSize)]
    pub fn set_size(&mut self, size: f64) -> Result<(), JsValue> {
        self.0.set_size(size as u64).map_err(thrown)
    }

    /// Takes the piece of the file that begins at `offset`.
    pub fn push(&mut self, offset: f64, piece: &[u8]) -> Result<(), JsValue> {
        self.0.push_at(offset as u64, piece).map_err(thrown)
    }

    /// Goes on to the next file; false if there is none.
    #[wasm_bindgen(js_name = nextFile)]
    pub fn next_file(&mut self) -> Result<bool, JsValue> {
        self.0.next_file().map_err(thrown)
    }

    /// Computes the CRC-32 of all bytes that come.
    #[wasm_bindgen(js_name = keepChecksum)]
    pub fn keep_checksum(&mut self) {
        self.0.keep_checksum();
    }

    /// The CRC-32 of the bytes so far, if it is kept.
    pub fn checksum(&mut self) -> Option<u32> {
        self.0.checksum()
    }

    /// Where in the recorded file its data begins, once it is known.
    #[wasm_bindgen(js_name = recordedStart)]
    pub fn recorded_start(&mut self) -> Option<f64> {
        self.0.recorded_start().map(|start| start as f64)
    }

    /// The recorded data since the last call.
    #[wasm_bindgen(js_name = takeRecorded)]
    pub fn take_recorded(&mut self) -> Uint8Array {
        Uint8Array::from(self.0.take_recorded().as_slice())
    }

    /// Ends the recording, once everything has been read and taken.
    #[wasm_bindgen(js_name = finishRecording)]
    pub fn finish_recording(&mut self) -> Result<Option<RecordedFile>, JsValue> {
        let recorded = self.0.finish_recording().map_err(thrown)?;
        Ok(recorded.map(|recorded| RecordedFile { header: recorded.header, checksum: recorded.checksum }))
    }
}
