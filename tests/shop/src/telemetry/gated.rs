//! Exporters that reach nobody while telemetry is cut off.

use crate::faults::{Fault, Faults};
use opentelemetry_otlp::{LogExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::trace::SpanData;
use std::time::Duration;

/// An exporter with the fault `telemetry-outage` before it.
#[derive(Debug)]
pub struct Gated<E> {
    exporter: E,
    faults: Faults,
}

impl<E> Gated<E> {
    pub fn new(exporter: E, faults: Faults) -> Gated<E> {
        Gated { exporter, faults }
    }
}

/// As an exporter says it that cannot connect.
pub fn reachable(faults: &Faults) -> OTelSdkResult {
    match faults.is_on(Fault::TelemetryOutage) {
        true => Err(OTelSdkError::InternalFailure("the collector cannot be reached".to_owned())),
        false => Ok(()),
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Gated<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        reachable(&self.faults)?;
        self.exporter.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl opentelemetry_sdk::logs::LogExporter for Gated<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        reachable(&self.faults)?;
        self.exporter.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
