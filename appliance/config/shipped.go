package config

// What the shipped files say beyond the defaults of their keys: it holds when there is no file.

const shippedSeaTunnel = `
seatunnel:
  engine:
    checkpoint:
      interval: 10000
      timeout: 60000
      storage:
        type: hdfs
        max-retained: 3
        plugin-config:
          namespace: ${` + stateDirProperty + `}/checkpoint
          storage.type: hdfs
          fs.defaultFS: file:///
    http:
      enable-http: true
`

const shippedHazelcast = `
hazelcast:
  network:
    rest-api:
      enabled: true
      endpoint-groups: {CLUSTER_WRITE: {enabled: true}, DATA: {enabled: true}}
    join: {tcp-ip: {enabled: true, member-list: [localhost]}}
    port: {auto-increment: false}
  properties: {hazelcast.tcp.join.port.try.count: 30}
`

const shippedMaster = `
hazelcast:
  network:
    rest-api:
      enabled: true
      endpoint-groups: {CLUSTER_WRITE: {enabled: true}, DATA: {enabled: true}}
    join: {tcp-ip: {enabled: true, member-list: ["localhost:5801", "localhost:5802"]}}
    port: {auto-increment: false}
  properties: {hazelcast.tcp.join.port.try.count: 30}
`

const shippedWorker = `
hazelcast:
  network:
    join: {tcp-ip: {enabled: true, member-list: ["localhost:5801", "localhost:5802"]}}
    port: {auto-increment: false, port: 5802}
  properties: {hazelcast.tcp.join.port.try.count: 30}
`

const shippedClient = `
hazelcast-client:
  connection-strategy: {connection-retry: {cluster-connect-timeout-millis: 3000}}
  network: {cluster-members: ["localhost:5801"]}
`
