// Checks rendered Kubernetes manifests without a cluster:
//   - each object is valid for the schema of its kind: types, required fields and formats by the validators of
//     kubernetes-models (made from Kubernetes' OpenAPI and the Prometheus operator's CRDs), and no field is unknown, by
//     the TypeScript compiler on the same package's types;
//   - every reference leads to something: selectors, ports, ConfigMaps, scale targets, disruption budgets, the scaler's
//     metrics; Secrets must be among those that --secret names;
//   - every container is hardened, bounded, probed (by gRPC, except Envoy) and has a pinned image; a pod's grace period fits its drain;
//   - an object fits into kubectl's annotation of the last applied configuration.
// Usage: node scripts/checks/kubernetes.mjs [--secret NAME]... FILE   Exit code 1 and one line for each fault.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import ts from 'typescript';
import { parseAllDocuments } from 'yaml';

const { values: { secret: SECRETS }, positionals: [FILE] } =
  parseArgs({ options: { secret: { type: 'string', multiple: true, default: [] } }, allowPositionals: true });
const HERE = fileURLToPath(new URL('.', import.meta.url));
// kubectl keeps the whole object in an annotation, and all annotations together may have 256 KiB.
const LARGEST_OBJECT_BYTES = 262144;

const objects = parseAllDocuments(readFileSync(FILE, 'utf8')).map((document) => document.toJS());
const nameOf = ({ kind, metadata }) => `${kind} ${metadata?.name}`;
// kustomize breaks base64 into lines, which the API server reads over and the validators do not.
for (const { binaryData } of objects) {
  for (const key of Object.keys(binaryData ?? {})) binaryData[key] = binaryData[key].replace(/\s/g, '');
}
const ofKind = (...kinds) => objects.filter(({ kind }) => kinds.includes(kind));
const faults = [];
const fault = (object, text) => faults.push(`${nameOf(object)}: ${text}`);

// --- Schemas ---
const moduleOf = ({ apiVersion, kind }) =>
  `${apiVersion.startsWith('monitoring.coreos.com/') ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'}/${apiVersion}/${kind}`;

async function checkAgainstSchema(object) {
  const models = await import(moduleOf(object)).catch(() => ({}));
  if (!models[object.kind]) return fault(object, `there is no ${object.kind} in ${object.apiVersion}`);
  try {
    new models[object.kind](object).validate();
  } catch (error) {
    fault(object, error.message.replaceAll('\n', '; '));
  }
}

// Compiles a program that assigns every object to a variable of its type: a field that the type does not have is an error.
function checkForUnknownFields() {
  const program_file = `${HERE}manifests.ts`;
  const first_lines = [];
  let source = '';
  objects.forEach((object, i) => {
    first_lines.push(source.split('\n').length - 1);
    source += `import type { I${object.kind} as Type${i} } from '${moduleOf(object)}';\n` +
      `export const object${i}: Type${i} = ${JSON.stringify(object, null, 1)};\n`;
  });
  const options = {
    noEmit: true, strict: true, skipLibCheck: true, types: [],
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === program_file || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    (name === program_file ? ts.createSourceFile(name, source, options.target) : getSourceFile(name, ...rest));
  for (const { start, messageText } of ts.getPreEmitDiagnostics(ts.createProgram([program_file], options, host))) {
    const line = source.slice(0, start).split('\n').length - 1;
    fault(objects[first_lines.findLastIndex((first) => first <= line)], ts.flattenDiagnosticMessageText(messageText, '; '));
  }
}

// --- References ---
const podOwners = ofKind('Deployment', 'StatefulSet');
const includes = (labels, wanted) => Object.entries(wanted ?? {}).every(([key, value]) => labels?.[key] === value);
const podsWith = (labels) => podOwners.filter(({ spec }) => includes(spec.template.metadata.labels, labels));
const portNames = (owner) => owner.spec.template.spec.containers.flatMap((c) => c.ports ?? []).flatMap((p) => [p.name, p.containerPort]);

function checkSelectors() {
  for (const service of ofKind('Service')) {
    const pods = podsWith(service.spec.selector);
    if (pods.length !== 1) fault(service, `selects ${pods.length} kinds of pods`);
    for (const { targetPort } of service.spec.ports) {
      if (!pods.every((pod) => portNames(pod).includes(targetPort))) fault(service, `no container has the port ${targetPort}`);
    }
  }
  for (const owner of podOwners) {
    if (!includes(owner.spec.template.metadata.labels, owner.spec.selector.matchLabels)) fault(owner, 'does not select its own pods');
  }
  for (const budget of ofKind('PodDisruptionBudget')) {
    if (podsWith(budget.spec.selector.matchLabels).length !== 1) fault(budget, 'selects no pods of ours');
  }
  for (const monitor of ofKind('ServiceMonitor')) {
    const services = ofKind('Service').filter(({ metadata }) => includes(metadata.labels, monitor.spec.selector.matchLabels));
    if (services.length !== 1) fault(monitor, `selects ${services.length} services`);
    for (const { port } of monitor.spec.endpoints) {
      if (!services.every(({ spec }) => spec.ports.some(({ name }) => name === port))) fault(monitor, `no service has the port ${port}`);
    }
    if (!services.every(({ metadata }) => metadata.labels[monitor.spec.jobLabel] === monitor.metadata.name)) fault(monitor, 'the job would have another name');
  }
}

function checkPolicies() {
  const policies = ofKind('NetworkPolicy');
  if (policies.length === 0) return;
  for (const owner of podOwners) {
    const over = policies.filter(({ spec }) => includes(owner.spec.template.metadata.labels, spec.podSelector.matchLabels));
    for (const type of ['Ingress', 'Egress']) {
      if (!over.some(({ spec }) => spec.policyTypes.includes(type))) fault(owner, `no policy limits its ${type}`);
    }
  }
  for (const policy of policies) {
    const pods = podsWith(policy.spec.podSelector.matchLabels);
    if (pods.length === 0) fault(policy, 'selects no pods of ours');
    for (const { port } of (policy.spec.ingress ?? []).flatMap(({ ports }) => ports)) {
      if (!pods.every((pod) => portNames(pod).includes(port))) fault(policy, `no container has the port ${port}`);
    }
  }
}

// If there is an edge, nobody reaches a proxy past it.
function checkEdge() {
  const edge = podOwners.find(({ spec }) => isEnvoy(spec.template.spec.containers[0]));
  if (!edge) return;
  for (const proxy of podOwners.filter(({ metadata }) => metadata.name === 'proxy')) {
    const { env = [] } = proxy.spec.template.spec.containers[0];
    if (!env.some(({ name }) => name === 'SMARTBATCH_TLS_CLIENT_CA')) fault(proxy, 'asks for no certificate, although there is an edge');
    for (const policy of ofKind('NetworkPolicy').filter(({ spec }) => includes(proxy.spec.template.metadata.labels, spec.podSelector.matchLabels))) {
      const sources = (policy.spec.ingress ?? []).filter(({ ports }) => ports.some(({ port }) => port === 'grpc')).flatMap(({ from = [{}] }) => from);
      const of_edge = ({ podSelector, namespaceSelector }) => podSelector && !namespaceSelector && podsWith(podSelector.matchLabels).every((pods) => pods === edge);
      if (!sources.every(of_edge)) fault(policy, 'lets others than the edge in');
    }
  }
}

function checkScalers() {
  for (const scaler of ofKind('HorizontalPodAutoscaler')) {
    const { kind, name } = scaler.spec.scaleTargetRef;
    const target = ofKind(kind).find(({ metadata }) => metadata.name === name);
    if (!target) fault(scaler, `there is no ${kind} ${name}`);
    if (target?.spec.replicas !== undefined) fault(scaler, `${kind} ${name} sets replicas too: every apply would undo the scaler`);
    const served = ofKind('ConfigMap').flatMap(({ data }) => [...(data?.['config.yaml'] ?? '').matchAll(/as: (\w+)/g)].map(([, as]) => as));
    for (const { external } of scaler.spec.metrics) {
      if (!served.includes(external.metric.name)) fault(scaler, `no rule serves ${external.metric.name}`);
    }
  }
}

function checkVolumes(owner) {
  const { volumes = [], containers } = owner.spec.template.spec;
  for (const { name, configMap, secret, projected } of volumes) {
    if (configMap && !ofKind('ConfigMap').some(({ metadata }) => metadata.name === configMap.name)) fault(owner, `there is no ConfigMap ${configMap.name}`);
    if (secret && !SECRETS.includes(secret.secretName)) fault(owner, `nobody was told of the Secret ${secret.secretName}`);
    for (const source of projected?.sources ?? []) {
      if (source.secret && !SECRETS.includes(source.secret.name)) fault(owner, `nobody was told of the Secret ${source.secret.name}`);
    }
    if (!containers.some(({ volumeMounts = [] }) => volumeMounts.some((mount) => mount.name === name))) fault(owner, `nothing mounts ${name}`);
  }
  for (const { volumeMounts = [] } of containers) {
    for (const mount of volumeMounts) if (!volumes.some(({ name }) => name === mount.name)) fault(owner, `there is no volume ${mount.name}`);
  }
}

// --- Pods ---
const isEnvoy = ({ command }) => command[0] === 'envoy';
// Seconds that a program may take from SIGTERM on: its drain, and 10 until its watchdog ends it. Envoy ends at once.
function drainSeconds(owner) {
  const { containers, volumes = [] } = owner.spec.template.spec;
  if (isEnvoy(containers[0])) return 0;
  const flag = containers[0].command.map((word) => word.match(/^--drain-seconds=(\d+)$/)?.[1]).find(Boolean);
  const file = ofKind('ConfigMap').find(({ metadata }) => volumes.some(({ configMap }) => configMap?.name === metadata.name));
  return Number(flag ?? file?.data['proxy.textproto'].match(/^drain_seconds: (\d+)$/m)?.[1]) + 10;
}

function checkPods(owner) {
  const { spec } = owner.spec.template;
  const { securityContext: pod = {}, containers, terminationGracePeriodSeconds: grace } = spec;
  if (!pod.runAsNonRoot || !(pod.runAsUser > 0)) fault(owner, 'may run as root');
  if (pod.seccompProfile?.type !== 'RuntimeDefault') fault(owner, 'has no seccomp profile');
  if (spec.automountServiceAccountToken !== false) fault(owner, 'gets a token that it does not need');
  if (!spec.affinity?.podAntiAffinity) fault(owner, 'has no anti-affinity');
  const pause = Number(containers[0].lifecycle?.preStop?.exec?.command.at(-1) ?? 0);
  if (!(grace > pause + drainSeconds(owner))) fault(owner, `a grace period of ${grace} s is not above ${pause} s of preStop and ${drainSeconds(owner)} s of draining`);
  checkVolumes(owner);
  containers.forEach((container) => checkContainer(owner, container, grace));
}

function checkContainer(owner, container, grace) {
  const { securityContext: own = {}, resources, readinessProbe: ready, livenessProbe: live, image } = container;
  if (own.allowPrivilegeEscalation !== false) fault(owner, 'may gain privileges');
  if (!own.readOnlyRootFilesystem) fault(owner, 'the root file system is not read-only');
  if (own.capabilities?.drop?.join() !== 'ALL') fault(owner, 'keeps capabilities');
  if (!resources?.requests?.cpu || !resources.requests.memory || !resources.limits?.memory) fault(owner, 'has no requests or no limit of memory');
  if (!/[@:]/.test(image.split('/').at(-1)) || image.endsWith(':latest')) fault(owner, `image ${image} is not pinned`);
  for (const probe of [ready, live]) {
    const port = isEnvoy(container) ? (probe?.httpGet ?? probe?.tcpSocket)?.port : probe?.grpc?.port;
    const probes_by_loadgen = probe?.exec?.command?.slice(0, 2).join(' ') === 'loadgen probe';
    if (!portNames(owner).includes(port) && !probes_by_loadgen) fault(owner, isEnvoy(container) ? 'is not probed at one of its ports' : 'is not probed by gRPC');
  }
  if (live && (live.periodSeconds ?? 10) * (live.failureThreshold ?? 3) <= grace) fault(owner, 'counts as dead before it has drained');
}

if (objects.length === 0) throw new Error(`${FILE} holds no object`);
for (const object of objects) {
  await checkAgainstSchema(object);
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes >= LARGEST_OBJECT_BYTES) fault(object, `${bytes} bytes are too many for kubectl apply`);
}
checkForUnknownFields();
checkSelectors();
checkPolicies();
checkEdge();
checkScalers();
podOwners.forEach(checkPods);
faults.forEach((text) => console.error(`${FILE}: ${text}`));
if (faults.length === 0) console.log(`ok   ${FILE.split('/').at(-1)}: ${objects.length} objects, no fault`);
process.exit(faults.length > 0 ? 1 : 0);
