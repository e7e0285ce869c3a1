<?php
// SPDX-License-Identifier: Apache-2.0
// talk.php client|server - one end of the conversation of ../script.py by PHP's ssl:// streams.  As there are no threads, the
// client leads its connections in turn, and the server is a process for each connection.

function body(string $target, int $n): string
{
	$unit = "$target ";
	return substr(str_repeat($unit, intdiv($n, strlen($unit)) + 1), 0, $n);
}

function fail(string $what): never
{
	fwrite(STDERR, "$what\n");
	exit(1);
}

function take($s, int $n): string
{
	for ($got = ""; strlen($got) < $n; $got .= $more) {
		$more = fread($s, $n - strlen($got));
		if ($more === false || ($more === "" && feof($s)))
			fail("the stream ended");
	}
	return $got;
}

function put($s, string $data): void
{
	while ($data !== "") {
		$n = fwrite($s, $data);
		if (!$n)
			fail("fwrite");
		$data = substr($data, $n);
	}
}

/** [first line, headers], or null at the end */
function read_head($s): ?array
{
	$first = fgets($s);
	if ($first === false)
		return null;
	$headers = [];
	while (($line = trim(fgets($s))) !== "") {
		[$k, $v] = explode(":", $line, 2);
		$headers[strtolower($k)] = trim($v);
	}
	return [$first, $headers];
}

function request(array $step): string
{
	[$seq, , $method, $target, $send] = $step;
	$length = in_array($method, ["POST", "PUT"]) ? "Content-Length: $send\r\n" : "";
	return "$method $target HTTP/1.1\r\nHost: localhost\r\nX-Row: " . getenv("ROW") . "\r\nX-Seq: $seq\r\n$length\r\n" . body($target, (int)$send);
}

function check($s, array $step): void
{
	[$seq, , , $target, , $answer, $status] = $step;
	[$first, $headers] = read_head($s) ?? fail("$seq: no answer");
	$got = take($s, (int)$headers["content-length"]);
	if (explode(" ", $first)[1] !== $status || $headers["x-echo"] !== $seq || $got !== body($target, (int)$answer))
		fail("$seq: $first " . strlen($got));
}

function open()
{
	$context = stream_context_create(["ssl" => ["verify_peer" => false, "verify_peer_name" => false]]);
	return stream_socket_client("ssl://127.0.0.1:" . getenv("PORT"), $errno, $error, 30, STREAM_CLIENT_CONNECT, $context) ?: fail($error);
}

function client(): void
{
	$connections = [];
	foreach (file(getenv("SCRIPT"), FILE_IGNORE_NEW_LINES) as $line) {
		$step = explode(" ", $line);
		$connections[$step[1]][] = $step;
	}
	$together = array_filter($connections, fn($name) => str_starts_with($name, "conc"), ARRAY_FILTER_USE_KEY);
	foreach (array_diff_key($connections, $together) as $name => $steps) {
		$s = open();
		if ($name === "pipe")
			put($s, implode(array_map("request", $steps)));
		foreach ($steps as $step) {
			if ($name !== "pipe")
				put($s, request($step));
			check($s, $step);
		}
		fclose($s);
	}
	$streams = array_map(fn() => open(), $together);
	for ($i = 0; $i < max([0, ...array_map("count", array_values($together))]); $i++) {
		foreach ($together as $name => $steps)
			put($streams[$name], request($steps[$i]));
		foreach ($together as $name => $steps)
			check($streams[$name], $steps[$i]);
	}
}

function serve($s): void
{
	while ([$first, $headers] = read_head($s)) {
		$target = explode(" ", $first)[1];
		parse_str(parse_url($target, PHP_URL_QUERY), $want);
		if (take($s, (int)($headers["content-length"] ?? 0)) !== body($target, (int)$want["send"]))
			fail("a wrong request: $first");
		put($s, "HTTP/1.1 {$want["status"]} Fine\r\nX-Echo: {$headers["x-seq"]}\r\nContent-Length: {$want["answer"]}\r\n\r\n" .
			body($target, (int)$want["answer"]));
	}
}

function server(): void
{
	pcntl_signal(SIGCHLD, SIG_IGN);
	$context = stream_context_create(["ssl" => ["local_cert" => getenv("CERT"), "local_pk" => getenv("KEY"), "verify_peer" => false]]);
	$listener = stream_socket_server("tcp://127.0.0.1:" . getenv("PORT"), $errno, $error, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
	while (true) {
		$s = @stream_socket_accept($listener, 3600);
		if (!$s)
			continue;
		if (pcntl_fork() === 0) {
			if (stream_socket_enable_crypto($s, true, STREAM_CRYPTO_METHOD_TLS_SERVER))
				serve($s);
			exit(0);
		}
		fclose($s);
	}
}

$argv[1] === "client" ? client() : server();
