# SPDX-License-Identifier: Apache-2.0
# talk.rb client|server - one end of the conversation of ../script.py by Ruby's net/http and openssl.
require "net/http"
require "openssl"
require "socket"

PORT = ENV["PORT"].to_i
Step = Struct.new(:seq, :connection, :method, :target, :send_n, :answer, :status)

def body(target, n)
  unit = target + " "
  (unit * (n / unit.length + 1))[0, n]
end

def has_body(step) = %w[POST PUT].include?(step.method)

def check(step, status, echo, got)
  return if status == step.status && echo == step.seq && got == body(step.target, step.answer.to_i)
  warn "#{step.seq}: #{status} #{echo} #{got.bytesize}"
  exit! 1
end

def talk(steps)
  http = Net::HTTP.new("127.0.0.1", PORT, nil)
  http.use_ssl = true
  http.verify_mode = OpenSSL::SSL::VERIFY_NONE
  http.start do
    steps.each do |s|
      r = Net::HTTPGenericRequest.new(s.method, has_body(s), true, s.target, { "X-Row" => ENV["ROW"], "X-Seq" => s.seq, "Accept-Encoding" => "identity" })
      r.body = body(s.target, s.send_n.to_i) if has_body(s)
      a = http.request(r)
      check(s, a.code, a["X-Echo"], a.body || "")
    end
  end
end

# The requests in one write, which net/http does not do.
def pipeline(steps)
  context = OpenSSL::SSL::SSLContext.new
  context.verify_mode = OpenSSL::SSL::VERIFY_NONE
  s = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", PORT), context).tap(&:connect)
  s.sync_close = true
  s.syswrite(steps.map do |t|
    length = has_body(t) ? "Content-Length: #{t.send_n}\r\n" : ""
    "#{t.method} #{t.target} HTTP/1.1\r\nHost: localhost\r\nX-Row: #{ENV["ROW"]}\r\nX-Seq: #{t.seq}\r\n#{length}\r\n#{body(t.target, t.send_n.to_i)}"
  end.join)
  steps.each do |t|
    first, headers = read_head(s)
    check(t, first.split[1], headers["x-echo"], s.read(headers["content-length"].to_i) || "")
  end
  s.close
end

def read_head(s)
  first = s.gets or return nil
  headers = {}
  while (line = s.gets.chomp) != ""
    k, v = line.split(": ", 2)
    headers[k.downcase] = v
  end
  [first, headers]
end

def client
  connections = File.readlines(ENV["SCRIPT"]).map { |l| Step.new(*l.split) }.group_by(&:connection)
  together, alone = connections.values.partition { |steps| steps[0].connection.start_with?("conc") }
  alone.each { |steps| steps[0].connection == "pipe" ? pipeline(steps) : talk(steps) }
  together.map { |steps| Thread.new { talk(steps) } }.each(&:join)
end

def serve(s)
  while (first, headers = read_head(s))
    target = first.split[1]
    want = target.split("?")[1].split("&").to_h { |p| p.split("=") }
    got = s.read(headers["content-length"].to_i) || ""
    raise "a wrong request: #{first}" unless got == body(target, want["send"].to_i)
    s.write("HTTP/1.1 #{want["status"]} Fine\r\nX-Echo: #{headers["x-seq"]}\r\nContent-Length: #{want["answer"]}\r\n\r\n")
    s.write(body(target, want["answer"].to_i))
  end
rescue OpenSSL::SSL::SSLError, SystemCallError => e
  warn e
ensure
  s.close
end

def server
  context = OpenSSL::SSL::SSLContext.new
  context.cert = OpenSSL::X509::Certificate.new(File.read(ENV["CERT"]))
  context.key = OpenSSL::PKey.read(File.read(ENV["KEY"]))
  listener = TCPServer.new("127.0.0.1", PORT)
  loop do
    plain = listener.accept
    Thread.new do
      s = OpenSSL::SSL::SSLSocket.new(plain, context)
      s.sync_close = true
      s.sync = true
      s.accept
      serve(s)
    rescue OpenSSL::SSL::SSLError => e
      warn e
    end
  end
end

ARGV[0] == "client" ? client : server
