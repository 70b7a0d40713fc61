'use strict';
/* Asks a server COUNT times, one after the other: page_client.js PORT COUNT prints "number ms-that-it-took ms-that-the-server-says". */
const http = require('http');
const { performance } = require('perf_hooks');

const [port, count] = process.argv.slice(2).map(Number);
const agent = new http.Agent({ keepAlive: true });

function ask(number) {
	if (number > count) {
		agent.destroy();
		return;
	}
	const began = performance.now();

	http.get({ port, agent, host: '127.0.0.1' }, (response) => {
		response.resume().on('end', () => {
			console.log(number, (performance.now() - began).toFixed(2), response.headers['x-took']);
			ask(number + 1);
		});
	});
}

ask(1);
