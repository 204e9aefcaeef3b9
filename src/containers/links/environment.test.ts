import { expect, test } from "bun:test";
import { linkEnvironment } from "./environment.ts";

// what docker 28.5 gave a container with `--link hl-db:/we.ird/db-x`, sorted
const DOCKERS = `
DB_X_ENV_A=1
DB_X_ENV_C=x=y
DB_X_NAME=/hl-web/we.ird/db-x
DB_X_PORT=tcp://172.31.0.2:80
DB_X_PORT_79_UDP=udp://172.31.0.2:79
DB_X_PORT_79_UDP_ADDR=172.31.0.2
DB_X_PORT_79_UDP_PORT=79
DB_X_PORT_79_UDP_PROTO=udp
DB_X_PORT_80_TCP=tcp://172.31.0.2:80
DB_X_PORT_80_TCP_ADDR=172.31.0.2
DB_X_PORT_80_TCP_END=tcp://172.31.0.2:81
DB_X_PORT_80_TCP_PORT=80
DB_X_PORT_80_TCP_PORT_END=81
DB_X_PORT_80_TCP_PORT_START=80
DB_X_PORT_80_TCP_PROTO=tcp
DB_X_PORT_80_TCP_START=tcp://172.31.0.2:80
DB_X_PORT_81_TCP=tcp://172.31.0.2:81
DB_X_PORT_81_TCP_ADDR=172.31.0.2
DB_X_PORT_81_TCP_PORT=81
DB_X_PORT_81_TCP_PROTO=tcp
`;

test("linkEnvironment() has Docker's variables", () => {
  const variables = linkEnvironment({
    alias: "we.ird/db-x",
    parentName: "hl-web",
    address: "172.31.0.2",
    ports: ["81/tcp", "79/udp", "80/tcp"],
    environment: ["A=1", "HOME=/x", "PATH=/bin", "B", "C=x=y"],
  });
  expect([...variables].sort()).toEqual(DOCKERS.trim().split("\n"));
  expect(variables[0]).toBe("DB_X_PORT=tcp://172.31.0.2:80");
});

test("linkEnvironment() of a target without ports has its name alone", () => {
  const target = {
    alias: "db",
    parentName: "web",
    address: "10.0.0.2",
    ports: [],
    environment: [],
  };
  expect(linkEnvironment(target)).toEqual(["DB_NAME=/web/db"]);
});
