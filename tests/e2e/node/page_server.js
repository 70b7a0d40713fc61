/* A server with two probes, written as people wrote them for jstrace 0.3. */
var http = require('http');
var trace = require('../../../libjstrace/node');

var ids = 0;

var server = http.createServer(function(req, res){
  var id = ++ids;
  var began = Date.now();

  trace('request:start', { id: id });
  setTimeout(function(){

    res.setHeader('x-took', Date.now() - began);
    res.end('hello world');
    trace('request:end', { id: id });
  }, Math.random() * 25 | 0);
});

server.listen(0, '127.0.0.1', function(){
  console.log(server.address().port);
});
