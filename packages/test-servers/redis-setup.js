import setUp from './global-setup.js';

/** jest's globalSetup for packages that need a Redis: sets REDIS_URL unless it is set. */
export default (...config) => setUp(...config.slice(0, 2), ['redis']);
