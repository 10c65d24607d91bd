// The OpenTelemetry Collector with what tests/deploy/traces.sh needs: it receives OTLP and writes a file.
package main

import (
	"log"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
)

func main() {
	receivers, err := receiver.MakeFactoryMap(otlpreceiver.NewFactory())
	if err != nil {
		log.Fatal(err)
	}
	exporters, err := exporter.MakeFactoryMap(fileexporter.NewFactory())
	if err != nil {
		log.Fatal(err)
	}
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "traces-collector", Version: "0.80.0"},
		Factories: otelcol.Factories{Receivers: receivers, Exporters: exporters},
	})
	if err := command.Execute(); err != nil {
		log.Fatal(err)
	}
}
