//! The executor of plans on this machine's GPUs, by wgpu.

use super::plan::{Binding, Kernel, Plan, Role, Step, Tuning};
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A GPU of this machine. Clones share it, and so may many models.
///
/// ```no_run
/// use clip_vision::gpu::Gpu;
/// use clip_vision::{ClipVision, Options};
///
/// let gpu = Gpu::open(0)?;
/// println!("{}", gpu.name());
/// let clip = ClipVision::from_dir("models/shapes", Options::default().gpu(gpu))?;
/// # Ok::<(), clip_vision::Error>(())
/// ```
#[derive(Clone)]
pub struct Gpu(Arc<Device>);

struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    limits: wgpu::Limits,
    /// By their texts.
    pipelines: Mutex<HashMap<String, wgpu::ComputePipeline>>,
    /// What went wrong and was asked by nobody yet: the first of it. The driver does not say whose it is: see `using`.
    failure: Arc<Mutex<Option<Error>>>,
    /// Held by whoever uses the GPU, from the first call until the failure was asked for: one thread at a time, as the GPU works too.
    using: Mutex<()>,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gpu").field(&self.name()).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a future of wgpu gives: natively it has it at once.
fn at_once<T>(future: impl Future<Output = T>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(Error::new(ErrorKind::Device, "the GPU's driver does not answer")),
    }
}

/// An error of the GPU, and its kind.
fn failed(error: &wgpu::Error) -> Error {
    let kind =
        if matches!(error, wgpu::Error::OutOfMemory { .. }) { ErrorKind::OutOfMemory } else { ErrorKind::Compute };
    Error::new(kind, format!("the GPU failed: {error}"))
}

impl Gpu {
    /// The GPU of this number, counted from 0: discrete ones first, and processors that do a GPU's work last.
    ///
    /// # Errors
    /// [`ErrorKind::Device`]: there is none, or its driver refuses; the message lists those that there are.
    pub fn open(number: usize) -> Result<Self> {
        let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        let descriptor =
            wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
        let instance = wgpu::Instance::new(descriptor);
        let mut adapters = at_once(instance.enumerate_adapters(backends))?;
        adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
            wgpu::DeviceType::DiscreteGpu => 0,
            wgpu::DeviceType::IntegratedGpu => 1,
            wgpu::DeviceType::Cpu => 3,
            _ => 2,
        });
        let adapter = adapters.get(number).ok_or_else(|| {
            let names: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
            let there =
                if names.is_empty() { "there is none".to_owned() } else { format!("there are: {}", names.join(", ")) };
            Error::new(ErrorKind::Device, format!("no GPU {number} with Vulkan, Metal or DirectX 12; {there}"))
        })?;
        let limits = adapter.limits();
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits.clone(), ..Default::default() };
        let (device, queue) = at_once(adapter.request_device(&descriptor))?.map_err(|error| {
            Error::new(ErrorKind::Device, format!("{} does not start", adapter.get_info().name)).with_source(error)
        })?;
        let failure = Arc::new(Mutex::new(None));
        let note = |failure: &Arc<Mutex<Option<Error>>>, error: Error| {
            lock(failure).get_or_insert(error);
        };
        let noted = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error| note(&noted, failed(&error))));
        let noted = failure.clone();
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                note(&noted, Error::new(ErrorKind::Device, format!("the GPU was lost: {message}")));
            }
        });
        let info = adapter.get_info();
        let (pipelines, using) = Default::default();
        Ok(Self(Arc::new(Device { device, queue, info, limits, pipelines, failure, using })))
    }

    /// What its driver calls it.
    pub fn name(&self) -> &str {
        &self.0.info.name
    }

    /// Whether it is a processor that does a GPU's work.
    pub fn is_software(&self) -> bool {
        self.0.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The kernels that suit it.
    pub fn tuning(&self) -> Tuning {
        if self.is_software() { Tuning::Software } else { Tuning::Hardware }
    }

    /// What runs plans of these weights, each named by its tensor: a model's, which does so by itself, or a
    /// [`Probe`](crate::gpu::Probe)'s.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    pub fn executor(&self, weights: Vec<(String, Vec<u8>)>) -> Result<Executor> {
        let executor = Executor::new(self.clone());
        weights.into_iter().try_for_each(|(name, bytes)| executor.upload(name, &bytes))?;
        Ok(executor)
    }
}

impl Device {
    /// # Errors
    /// What has gone wrong since this was last asked.
    fn check(&self) -> Result<()> {
        lock(&self.failure).take().map_or(Ok(()), Err)
    }

    fn buffer(&self, size: usize, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let most = self.limits.max_buffer_size.min(self.limits.max_storage_buffer_binding_size);
        if size as u64 > most {
            let what = format!("{size} bytes in one piece, of which the GPU takes {most}");
            return Err(Error::new(ErrorKind::OutOfMemory, what));
        }
        let size = (size as u64).next_multiple_of(4);
        let buffer =
            self.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
        self.check()?;
        Ok(buffer)
    }

    fn pipeline(&self, kernel: &Kernel) -> Result<wgpu::ComputePipeline> {
        let mut pipelines = lock(&self.pipelines);
        if let Some(pipeline) = pipelines.get(&kernel.wgsl) {
            return Ok(pipeline.clone());
        }
        let label = Some(kernel.label.as_str());
        let entries = kernel.bindings.iter().zip(0..).map(|(kind, binding)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: match kind {
                    Binding::Read => wgpu::BufferBindingType::Storage { read_only: true },
                    Binding::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
                    Binding::Uniform => wgpu::BufferBindingType::Uniform,
                },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        });
        let entries: Vec<_> = entries.collect();
        let layout =
            self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let layouts = &[Some(&layout)];
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: layouts,
            ..Default::default()
        });
        let source = wgpu::ShaderSource::Wgsl(kernel.wgsl.as_str().into());
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        self.check().map_err(|error| error.within(format_args!("kernel {}", kernel.label)))?;
        pipelines.insert(kernel.wgsl.clone(), pipeline.clone());
        Ok(pipeline)
    }
}

/// The weights of one tower on a GPU, and the plans that have been made ready there.
pub struct Executor {
    gpu: Gpu,
    weights: Mutex<HashMap<String, wgpu::Buffer>>,
    /// By photos, or by tokens of a text.
    ready: Mutex<HashMap<usize, Arc<Ready>>>,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("gpu", &self.gpu).finish_non_exhaustive()
    }
}

/// A plan with its memory.
pub(crate) struct Ready {
    pub(crate) plan: Plan,
    /// Each step's pipeline and what is bound.
    steps: Vec<(wgpu::ComputePipeline, wgpu::BindGroup)>,
    input: wgpu::Buffer,
    output: wgpu::Buffer,
    read: wgpu::Buffer,
}

/// How long an answer may take that is there.
const ANSWER: Duration = Duration::from_secs(60);

/// Plans that are kept ready: those of the last few lengths.
const MOST_READY: usize = 16;

impl Executor {
    pub(crate) fn new(gpu: Gpu) -> Self {
        Self { gpu, weights: Mutex::default(), ready: Mutex::default() }
    }

    pub(crate) fn tuning(&self) -> Tuning {
        self.gpu.tuning()
    }

    /// Takes a weight.
    pub(crate) fn upload(&self, name: String, bytes: &[u8]) -> Result<()> {
        let Device { queue, using, .. } = &*self.gpu.0;
        let _mine = lock(using);
        let buffer =
            self.gpu.0.buffer(bytes.len().max(16), wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST)?;
        queue.write_buffer(&buffer, 0, bytes);
        // Or else everything that is written waits in memory.
        queue.submit([]);
        self.gpu.0.check()?;
        lock(&self.weights).insert(name, buffer);
        Ok(())
    }

    /// The plan for so many photos or tokens.
    pub(crate) fn ready(&self, count: usize, plan: impl FnOnce() -> Result<Plan>) -> Result<Arc<Ready>> {
        let mut all = lock(&self.ready);
        if let Some(ready) = all.get(&count) {
            return Ok(ready.clone());
        }
        if all.len() >= MOST_READY {
            all.clear();
        }
        let ready = Arc::new(self.prepare(plan()?)?);
        all.insert(count, ready.clone());
        Ok(ready)
    }

    fn prepare(&self, plan: Plan) -> Result<Ready> {
        let device = &*self.gpu.0;
        let _mine = lock(&device.using);
        let ready = self.ready_of(plan);
        // Asked for whatever became of the plan: what is left here would be the next thread's.
        device.check()?;
        ready
    }

    fn ready_of(&self, mut plan: Plan) -> Result<Ready> {
        let device = &*self.gpu.0;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let (mut buffers, mut input, mut output) = (Vec::new(), None, None);
        for buffer in &mut plan.buffers {
            let made = match &mut buffer.role {
                Role::Weight(name) => lock(&self.weights)
                    .get(name)
                    .cloned()
                    .ok_or_else(|| Error::new(ErrorKind::Compute, format!("the GPU has no weight {name}")))?,
                Role::Constants(values) => {
                    let made = device.buffer(buffer.size, usage)?;
                    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                    device.queue.write_buffer(&made, 0, &bytes);
                    *values = Vec::new(); // they are there now
                    made
                }
                Role::Input => input.insert(device.buffer(buffer.size, usage)?).clone(),
                Role::Output => output.insert(device.buffer(buffer.size, usage)?).clone(),
                Role::Scratch => device.buffer(buffer.size, usage)?,
            };
            buffers.push(made);
        }
        let sizes = device.buffer(
            plan.uniforms.len().max(Plan::UNIFORM),
            wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        )?;
        device.queue.write_buffer(&sizes, 0, &plan.uniforms);
        let missing = || Error::new(ErrorKind::Compute, "a plan without its parts");
        let mut steps = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let kernel = plan.kernels.get(step.kernel).ok_or_else(missing)?;
            let pipeline = device.pipeline(kernel)?;
            let mut bound = step.buffers.iter().map(|index| buffers.get(*index));
            let mut entries = Vec::with_capacity(kernel.bindings.len());
            for (kind, binding) in kernel.bindings.iter().zip(0..) {
                let resource = match kind {
                    Binding::Uniform => wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &sizes,
                        offset: step.uniform as u64,
                        size: std::num::NonZero::new(Plan::UNIFORM as u64),
                    }),
                    Binding::Read | Binding::ReadWrite => {
                        bound.next().flatten().ok_or_else(missing)?.as_entire_binding()
                    }
                };
                entries.push(wgpu::BindGroupEntry { binding, resource });
            }
            let layout = &pipeline.get_bind_group_layout(0);
            let group = wgpu::BindGroupDescriptor { label: None, layout, entries: &entries };
            steps.push((pipeline, device.device.create_bind_group(&group)));
        }
        let bytes = plan.output_rows * plan.output_columns * size_of::<f32>();
        let read = device.buffer(bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)?;
        let (input, output) = (input.ok_or_else(missing)?, output.ok_or_else(missing)?);
        Ok(Ready { plan, steps, input, output, read })
    }

    /// Runs a plan once: its output.
    ///
    /// # Errors
    /// [`ErrorKind::Compute`]: a kernel is refused, or a weight is missing. [`ErrorKind::OutOfMemory`]. [`ErrorKind::Device`]: the
    /// GPU was lost.
    pub fn run(&self, plan: &Plan, input: &[f32]) -> Result<Vec<f32>> {
        self.pass(&self.prepare(plan.clone())?, input)
    }

    /// Runs a plan that was made ready.
    pub(crate) fn pass(&self, ready: &Ready, input: &[f32]) -> Result<Vec<f32>> {
        let Device { device, queue, using, .. } = &*self.gpu.0;
        let _mine = lock(using);
        let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
        queue.write_buffer(&ready.input, 0, &bytes);
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for (Step { workgroups: [x, y, z], .. }, (pipeline, group)) in ready.plan.steps.iter().zip(&ready.steps) {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(*x, *y, *z);
        }
        drop(pass);
        encoder.copy_buffer_to_buffer(&ready.output, 0, &ready.read, 0, ready.read.size());
        queue.submit([encoder.finish()]);
        let (send, receive) = std::sync::mpsc::channel();
        ready.read.map_async(wgpu::MapMode::Read, .., move |result| drop(send.send(result)));
        let waited = device.poll(wgpu::PollType::wait_indefinitely());
        let lost = |what: String| Error::new(ErrorKind::Device, format!("the GPU does not answer: {what}"));
        let answer = receive.recv_timeout(ANSWER);
        let is_mapped = !matches!(answer, Ok(Err(_)));
        let values = match answer {
            Ok(Ok(())) => ready
                .read
                .get_mapped_range(..)
                .map_err(|error| lost(error.to_string()))
                .map(|range| range.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
            Ok(Err(error)) => Err(lost(error.to_string())),
            Err(_) => Err(lost("nothing was read".to_owned())),
        };
        if is_mapped {
            ready.read.unmap();
        }
        // What was read of a pass that failed is what an earlier one left there.
        self.gpu.0.check()?;
        waited.map_err(|error| lost(error.to_string()))?;
        values
    }
}
