//! The device: its adapter, the compiled kernels, and the buffers that they share.

use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use wgpu::{BufferUsages, ErrorFilter};

use super::kernels::{KERNELS, SHARED, Source};
use super::program::Launch;
use crate::engine::{Device, Error};

/// A storage buffer, by its number in `shared.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    Items = 2,
    Values,
    Grads,
    Weights,
    WeightGrads,
    Momenta,
    MeanSquares,
    Channels,
    Running,
    Winners,
    Pixels,
    Levels,
    Picks,
    Reports,
    Alive,
}

/// Every storage buffer, in the order of its number.
pub(super) const BINDINGS: [Binding; 15] = [
    Binding::Items,
    Binding::Values,
    Binding::Grads,
    Binding::Weights,
    Binding::WeightGrads,
    Binding::Momenta,
    Binding::MeanSquares,
    Binding::Channels,
    Binding::Running,
    Binding::Winners,
    Binding::Pixels,
    Binding::Levels,
    Binding::Picks,
    Binding::Reports,
    Binding::Alive,
];

/// The most bytes of a buffer: its numbers are counted in 32 bits.
pub(super) const LARGEST: u64 = u32::MAX as u64;
/// The bytes from one launch's numbers to the next: what every adapter can address.
const SLOT: u32 = 256;
/// The bytes of the buffer through which numbers come back.
const STAGING: u64 = 1 << 20;
/// The bytes of `Turn` in `shared.wgsl`.
const TURN: u64 = 64;

/// The bytes of each storage buffer, in the order of [`BINDINGS`], and of what is beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) storage: [u64; 15],
    pub(super) launches: u64,
}

impl Sizes {
    /// All bytes together.
    pub(super) fn total(&self) -> u64 {
        self.storage.iter().sum::<u64>() + u64::from(SLOT) * self.launches + TURN + STAGING
    }
}

/// What a stack of models runs on.
#[derive(Debug)]
pub(super) struct Gpu {
    name: Device,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Vec<wgpu::ComputePipeline>,
    groups: Vec<wgpu::BindGroup>,
    storage: Vec<wgpu::Buffer>,
    turn: wgpu::Buffer,
    staging: wgpu::Buffer,
    /// The first error that nobody asked for, and whether the memory ran out.
    error: Arc<Mutex<Option<(String, bool)>>>,
    bytes: u64,
}

impl Gpu {
    /// Opens a device, compiles the kernels and creates the buffers, filled with zeros.
    pub(super) fn new(name: Device, sizes: &Sizes, launches: &[Launch]) -> Result<Self, Error> {
        let (device, queue) = open(name)?;
        check_limits(name, &device.limits(), sizes, launches)?;
        let error = Arc::new(Mutex::new(None));
        let first = Arc::clone(&error);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let is_memory = matches!(error, wgpu::Error::OutOfMemory { .. });
            first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| (error.to_string(), is_memory));
        }));
        let scope = device.push_error_scope(ErrorFilter::OutOfMemory);
        let create = |size: u64, usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
        };
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let storage: Vec<_> = sizes.storage.iter().map(|size| create(*size, usage)).collect();
        let slots = create(u64::from(SLOT) * sizes.launches, BufferUsages::UNIFORM | BufferUsages::COPY_DST);
        let turn = create(TURN, BufferUsages::UNIFORM | BufferUsages::COPY_DST);
        let staging = create(STAGING, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let out_of_memory = wait(scope.pop()).is_some();
        if out_of_memory {
            return Err(Error::OutOfDeviceMemory { device: name, needed: sizes.total() });
        }
        let bytes = storage.iter().chain([&slots, &turn, &staging]).map(wgpu::Buffer::size).sum();
        for (launch, number) in launches.iter().zip(0..) {
            queue.write_buffer(&slots, u64::from(SLOT) * number, &to_bytes(launch.words));
        }
        let (mut pipelines, mut groups) = (Vec::new(), Vec::new());
        for source in KERNELS {
            let (pipeline, layout) = compile(&device, source);
            groups.push(bind(&device, source, &layout, [&slots, &turn], &storage));
            pipelines.push(pipeline);
        }
        let gpu = Self { name, device, queue, pipelines, groups, storage, turn, staging, error, bytes };
        gpu.check()?;
        Ok(gpu)
    }

    /// The bytes of all buffers that were created.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Replaces numbers of a buffer, before the next launch. `first` counts words of four bytes.
    pub(super) fn write(&self, binding: Binding, first: usize, bytes: &[u8]) {
        self.queue.write_buffer(&self.storage[position(binding)], 4 * first as u64, bytes);
    }

    /// Launches kernels one after the other, each of which sees what those before it wrote.
    pub(super) fn run<'a>(&self, turn: &[u8], launches: impl Iterator<Item = (usize, &'a Launch)>) {
        self.queue.write_buffer(&self.turn, 0, turn);
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for (slot, launch) in launches {
                let (kernel, offset) = (launch.kernel as usize, SLOT * super::layout::wrap(slot as u64));
                pass.set_pipeline(&self.pipelines[kernel]);
                pass.set_bind_group(0, &self.groups[kernel], &[offset]);
                let [x, y, z] = launch.grid;
                pass.dispatch_workgroups(x, y, z);
            }
        }
        self.queue.submit([encoder.finish()]);
    }

    /// Copies the first bytes of one buffer to another one, after all that was launched, and waits until that is done.
    pub(super) fn copy(&self, from: Binding, to: Binding, bytes: u64) -> Result<(), Error> {
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        encoder.copy_buffer_to_buffer(&self.storage[position(from)], 0, &self.storage[position(to)], 0, bytes);
        self.queue.submit([encoder.finish()]);
        let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        polled.map(drop).map_err(|error| self.failed(&error))
    }

    /// Reads words of a buffer, after all that was launched.
    pub(super) fn read(&self, binding: Binding, range: std::ops::Range<usize>) -> Result<Vec<u32>, Error> {
        let mut words = Vec::with_capacity(range.len());
        for first in range.clone().step_by((STAGING / 4) as usize) {
            let bytes = (4 * (range.end - first) as u64).min(STAGING);
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
            let source = &self.storage[position(binding)];
            encoder.copy_buffer_to_buffer(source, 4 * first as u64, &self.staging, 0, bytes);
            self.queue.submit([encoder.finish()]);
            let (send, receive) = std::sync::mpsc::channel();
            self.staging.map_async(wgpu::MapMode::Read, ..bytes, move |result| drop(send.send(result)));
            let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
            self.check()?;
            polled.map_err(|error| self.failed(&error))?;
            match receive.try_recv() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(self.failed(&error)),
                Err(_) => return Err(self.failed(&"the device gave no answer")),
            }
            let view = self.staging.get_mapped_range(..bytes).map_err(|error| self.failed(&error))?;
            words.extend(view.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])));
            drop(view);
            self.staging.unmap();
        }
        Ok(words)
    }

    /// As [`read`](Self::read), of floats.
    pub(super) fn read_floats(&self, binding: Binding, range: std::ops::Range<usize>) -> Result<Vec<f32>, Error> {
        Ok(self.read(binding, range)?.into_iter().map(f32::from_bits).collect())
    }

    /// Returns the first error that the driver reported on its own.
    fn check(&self) -> Result<(), Error> {
        match self.error.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            None => Ok(()),
            Some((_, true)) => Err(Error::OutOfDeviceMemory { device: self.name, needed: self.bytes }),
            Some((reason, false)) => Err(self.failed(&reason)),
        }
    }

    fn failed(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::Failed { device: self.name, reason: reason.to_string() }
    }
}

fn position(binding: Binding) -> usize {
    binding as usize - Binding::Items as usize
}

/// The bytes of some words, as a device wants them.
pub(super) fn to_bytes(words: impl IntoIterator<Item = u32>) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Returns an error if a buffer or a launch is larger than the device can address.
fn check_limits(name: Device, limits: &wgpu::Limits, sizes: &Sizes, launches: &[Launch]) -> Result<(), Error> {
    let largest = largest_of(limits);
    for (binding, needed) in BINDINGS.iter().zip(sizes.storage) {
        if needed > largest {
            return Err(Error::BufferLimit { device: name, buffer: format!("{binding:?}"), needed, limit: largest });
        }
    }
    let most = limits.max_compute_workgroups_per_dimension;
    if let Some(found) = launches.iter().flat_map(|launch| launch.grid).find(|count| *count > most) {
        let (needed, limit) = (found.into(), most.into());
        return Err(Error::BufferLimit { device: name, buffer: "Workgroups".to_owned(), needed, limit });
    }
    Ok(())
}

/// Opens the adapter of a device, and asks for all that it can give.
fn open(name: Device) -> Result<(wgpu::Device, wgpu::Queue), Error> {
    let adapter = adapter(name)?;
    let descriptor = wgpu::DeviceDescriptor { required_limits: adapter.limits(), ..Default::default() };
    wait(adapter.request_device(&descriptor)).map_err(|error| Error::Failed { device: name, reason: error.to_string() })
}

/// Finds the adapter of a device by its index, counted as burn counts them.
fn adapter(name: Device) -> Result<wgpu::Adapter, Error> {
    let mut adapters = adapters();
    let (found, index) = (adapters.len(), name.index().unwrap_or(0));
    if index < found { Ok(adapters.swap_remove(index)) } else { Err(Error::NoDevice { device: name, found }) }
}

/// The interfaces to GPUs, in the order in which they are tried.
const INTERFACES: [wgpu::Backends; 3] = [wgpu::Backends::VULKAN, wgpu::Backends::METAL, wgpu::Backends::DX12];
/// Made once: drivers may crash where instances come and go on several threads.
static INSTANCES: OnceLock<[wgpu::Instance; 3]> = OnceLock::new();

fn instance(backends: wgpu::Backends) -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        memory_budget_thresholds: wgpu::MemoryBudgetThresholds { for_resource_creation: Some(95), for_device_loss: None },
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    })
}

/// The most bytes that a device can address at once.
pub(super) fn largest(name: Device) -> Result<u64, Error> {
    Ok(largest_of(&adapter(name)?.limits()))
}

fn largest_of(limits: &wgpu::Limits) -> u64 {
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(LARGEST)
}

/// The adapters of the first interface that reaches a GPU, or else of the first that reaches anything.
fn adapters() -> Vec<wgpu::Adapter> {
    let is_gpu = |adapter: &wgpu::Adapter| adapter.get_info().device_type != wgpu::DeviceType::Cpu;
    let mut software = Vec::new();
    let instances = INSTANCES.get_or_init(|| INTERFACES.map(instance));
    for (instance, interface) in instances.iter().zip(INTERFACES) {
        let found = wait(instance.enumerate_adapters(interface));
        if found.iter().any(is_gpu) {
            return found;
        }
        if software.is_empty() {
            software = found;
        }
    }
    software
}

fn compile(device: &wgpu::Device, source: &Source) -> (wgpu::ComputePipeline, wgpu::BindGroupLayout) {
    let text = format!("{SHARED}{}", source.text);
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(source.entry),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    });
    let entry = |binding, ty, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
        count: None,
    };
    let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform, true), entry(1, wgpu::BufferBindingType::Uniform, false)];
    let storage = |binding: &Binding| {
        let read_only = matches!(binding, Binding::Items | Binding::Pixels | Binding::Levels | Binding::Picks);
        entry(*binding as u32, wgpu::BufferBindingType::Storage { read_only }, false)
    };
    entries.extend(source.bindings.iter().map(storage));
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(source.entry),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(source.entry),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    (pipeline, layout)
}

/// Binds the buffers that a kernel uses.
fn bind(
    device: &wgpu::Device,
    source: &Source,
    layout: &wgpu::BindGroupLayout,
    [slots, turn]: [&wgpu::Buffer; 2],
    storage: &[wgpu::Buffer],
) -> wgpu::BindGroup {
    let launch = wgpu::BufferBinding { buffer: slots, offset: 0, size: std::num::NonZero::new(16) };
    let mut entries = vec![
        wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(launch) },
        wgpu::BindGroupEntry { binding: 1, resource: turn.as_entire_binding() },
    ];
    let bound = |binding: &Binding| wgpu::BindGroupEntry {
        binding: *binding as u32,
        resource: storage[position(*binding)].as_entire_binding(),
    };
    entries.extend(source.bindings.iter().map(bound));
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

/// Waits for what wgpu promises; outside of a browser it is ready at once, or after a few polls.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let (mut future, mut context) = (pin!(future), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}
